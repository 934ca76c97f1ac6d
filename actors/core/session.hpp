// One waiting poll: whether what comes for it still reaches anybody.
#pragma once

#include <cstdint>

namespace callboard {

/// A poll from its question to its end.
///
///     waiting --delivery--> answered
///        |
///        `--client gone--> gone --delivery--> what came goes back
///
/// Time is over when its group answers with nothing: that is a delivery too.
class session {
public:
  enum class phase : std::uint8_t { waiting, answered, gone };

  /// What to do with a delivery.
  enum class outcome : std::uint8_t { answer, give_back };

  /// Something came, perhaps nothing. At most once.
  outcome deliver() noexcept {
    auto out = phase_ == phase::gone ? outcome::give_back : outcome::answer;
    phase_ = phase_ == phase::gone ? phase::gone : phase::answered;
    return out;
  }

  /// The client went away. True: nobody waits any more, so the group should be
  /// told; false: it was answered, the lease ends by itself.
  bool leave() noexcept {
    if (phase_ != phase::waiting)
      return false;
    phase_ = phase::gone;
    return true;
  }

  phase now() const noexcept { return phase_; }

private:
  phase phase_ = phase::waiting;
};

} // namespace callboard
