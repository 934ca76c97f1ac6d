# The broker behind TLS, as curl and openssl see it.
"""tls_test.py --binary callboard"""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import uuid

from process_case import ProcessCase, main
from broker_process import free_port


def curl(port, ca, *words):
    return subprocess.run(["curl", "-sS", "--max-time", "20", "--cacert", ca, *words,
                           f"https://localhost:{port}/streams/s"], capture_output=True, text=True, timeout=60)


class TlsTest(ProcessCase):
    def setUp(self):
        super().setUp()
        self.cert, self.key = self.certificate("first")

    def certificate(self, name):
        cert, key = (os.path.join(self.folder, name + end) for end in (".pem", ".key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", key, "-out", cert], check=True, capture_output=True, timeout=60)
        return cert, key

    def serve(self, *extra):
        broker = self.broker("--tls-cert", self.cert, "--tls-key", self.key, *extra)
        broker.spawn()
        self.wait_until(lambda: "serving " in broker.log_tail(), broker)
        return broker

    def wait_until(self, condition, broker):
        deadline = time.monotonic() + 30
        while not condition():
            broker.expect_running()
            self.assertLess(time.monotonic(), deadline, broker.log_tail())
            time.sleep(0.01)  # between two polls of a condition with a deadline

    def shown(self, port):
        return ssl.get_server_certificate(("127.0.0.1", port))

    def test_curl_is_served_and_links_are_https(self):
        broker = self.serve()
        self.assertIn(f" https=127.0.0.1 port={broker.port}", broker.log_tail())
        done = curl(broker.port, self.cert, "-i", "-H", "Content-Type: application/json",
                    "-H", "ES-EventType: t", "-H", f"ES-EventId: {uuid.uuid4()}", "-d", '{"a":1}')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("201 Created", done.stdout)
        self.assertIn(f"Location: https://localhost:{broker.port}/streams/s/0\n", done.stdout)
        large = os.path.join(self.folder, "large")
        with open(large, "wb") as file:
            file.write(b"x" * 3_000_000)
        done = curl(broker.port, self.cert, "-H", "Content-Type: application/octet-stream",
                    "-H", "ES-EventType: t", "-H", f"ES-EventId: {uuid.uuid4()}", "--data-binary", "@" + large, "-w", "%{http_code}")
        self.assertEqual((done.returncode, done.stdout), (0, "201"), done.stderr)
        self.assertEqual(broker.terminate(10)[1], 0)

    def test_another_certificate_is_not_trusted(self):
        broker = self.serve()
        other, _ = self.certificate("other")
        self.assertEqual(curl(broker.port, other).returncode, 60)

    def test_tls_1_1_is_refused_and_1_2_is_not(self):
        broker = self.serve()
        for version, code in (("-tls1_1", 1), ("-tls1_2", 0), ("-tls1_3", 0)):
            done = subprocess.run(["openssl", "s_client", version, "-cipher", "DEFAULT:@SECLEVEL=0", "-CAfile", self.cert,
                                   "-connect", f"127.0.0.1:{broker.port}"], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, code, version + done.stdout + done.stderr)
            if code:
                self.assertIn("alert protocol version", done.stderr)

    def test_a_hangup_shows_the_new_certificate_and_keeps_the_old_one_if_it_is_bad(self):
        broker = self.serve()
        before = self.shown(broker.port)
        cert, key = self.certificate("second")
        shutil.copy(cert, self.cert)
        broker.process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: "does not belong" in broker.log_tail(), broker)
        self.assertEqual(self.shown(broker.port), before)
        shutil.copy(key, self.key)
        broker.process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: "reloaded" in broker.log_tail(), broker)
        self.assertNotEqual(self.shown(broker.port), before)
        self.assertEqual(curl(broker.port, cert, "-o", os.devnull).returncode, 0)

    def test_commands_ask_it_and_believe_whom_they_are_told_to(self):
        port = self.serve().port
        for words, code, text in (
                ((f"https://localhost:{port}", "--ca", self.cert), 0, ""),
                ((f"https://127.0.0.1:{port}", "--ca", self.cert), 0, ""),
                ((f"https://localhost:{port}", "--insecure"), 0, ""),
                ((f"https://localhost:{port}",), 1, "certificate verify failed"),
                ((f"https://127.1:{port}", "--ca", self.cert), 1, "certificate verify failed"),  # another name for it
                ((f"https://localhost:{port}", "--ca", "/nowhere.pem"), 2, "/nowhere.pem"),
                ((f"http://localhost:{port}",), 1, "https://")):
            done = self.run_to_end("health", *words)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(text, done.stderr)
        done = self.run_to_end("cluster", "status", "--http", f"https://localhost:{port}")
        self.assertIn("certificate verify failed", done.stderr)
        done = self.run_to_end("cluster", "status", "--http", f"https://localhost:{port}", "--ca", self.cert)
        self.assertNotIn("certificate", done.stderr)

    def test_plain_http_is_closed_without_an_answer(self):
        broker = self.serve()
        with socket.create_connection(("127.0.0.1", broker.port), timeout=20) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            try:
                while part := plain.recv(1000):
                    answer += part
            except ConnectionResetError:
                pass
        self.assertNotIn(b"HTTP", answer)

    def test_who_stalls_a_handshake_is_cut_off_and_holds_nobody_up(self):
        broker = self.serve()
        stalled = [socket.create_connection(("127.0.0.1", broker.port), timeout=20) for _ in range(20)]
        for one in stalled[10:]:
            one.sendall(b"\x16\x03\x01\x02\x00\x01")
        began = time.monotonic()
        self.assertEqual(curl(broker.port, self.cert, "-o", os.devnull).returncode, 0)
        self.assertLess(time.monotonic() - began, 5)
        for one in stalled:
            self.assertEqual(one.recv(1), b"")
            one.close()
        self.assertLess(time.monotonic() - began, 30)

    def test_files_that_cannot_be_used_end_with_2(self):
        _, other = self.certificate("other")
        at = ("--http", f"127.0.0.1:{free_port()}")
        self.refused(2, "does not belong", *at, "--tls-cert", self.cert, "--tls-key", other)
        self.refused(2, "cannot use the certificate", *at, "--tls-cert", self.key, "--tls-key", self.key)
        self.refused(2, "only --tls-key is set", *at, environment={"CALLBOARD_TLS_KEY": self.key})
        self.assertFalse(os.path.exists(self.data))


if __name__ == "__main__":
    main(__doc__)
