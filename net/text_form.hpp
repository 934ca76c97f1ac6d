// Text with holes: what stays the same is laid out once and filled many times.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace callboard {

/// The constant text of something that is written for many events, in order;
/// `Hole` names what differs. Between two holes all is copied at once.
template <class Hole>
class text_form {
public:
  /// Where constant text is appended.
  std::string& text() noexcept { return text_; }

  /// What comes here differs.
  void hole(Hole what) { holes_.push_back({text_.size(), what}); }

  /// Appends it all to `out`; `fill(hole)` appends what belongs into a hole.
  template <class Fill>
  void write(std::string& out, Fill&& fill) const {
    std::size_t begun = 0;
    for (auto& [at, what] : holes_) {
      out.append(text_, begun, at - begun);
      fill(what);
      begun = at;
    }
    out.append(text_, begun);
  }

private:
  struct place {
    std::size_t at;
    Hole what;
  };

  std::string text_;
  std::vector<place> holes_;
};

} // namespace callboard
