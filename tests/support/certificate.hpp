// A key and a certificate for it, made by the test that needs them.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace callboard::test {

/// Two PEM files; the certificate signs itself, is for `localhost` and names
/// `issuer`.
struct certificate {
  std::string file;
  std::string key_file;

  certificate(const std::filesystem::path& folder, const std::string& issuer)
      : file((folder / (issuer + ".pem")).string()),
        key_file((folder / (issuer + ".key")).string()) {
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key{EVP_EC_gen("P-256"),
                                                       EVP_PKEY_free};
    std::unique_ptr<X509, void (*)(X509*)> made{X509_new(), X509_free};
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    X509_set_pubkey(made.get(), key.get());
    auto* name = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(
      name, "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>(issuer.c_str()), -1, -1, 0);
    X509_set_issuer_name(made.get(), name);
    std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> names{
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name,
                          "DNS:localhost"),
      X509_EXTENSION_free};
    X509_add_ext(made.get(), names.get(), -1);
    if (X509_sign(made.get(), key.get(), EVP_sha256()) == 0)
      throw std::runtime_error{"cannot make a certificate"};
    write(file, [&](FILE* to) { return PEM_write_X509(to, made.get()); });
    write(key_file, [&](FILE* to) {
      return PEM_write_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr,
                                  nullptr);
    });
  }

private:
  template <class F>
  static void write(const std::string& path, F f) {
    std::unique_ptr<FILE, int (*)(FILE*)> to{std::fopen(path.c_str(), "w"),
                                             std::fclose};
    if (!to || f(to.get()) != 1)
      throw std::runtime_error{"cannot write " + path};
  }
};

} // namespace callboard::test
