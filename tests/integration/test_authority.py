# SPDX-License-Identifier: Apache-2.0
"""scripts/test-authority: what it makes is what its help text says, to OpenSSL's own judgement."""

import os
import shutil
import subprocess

import pytest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="the program openssl is not there")


def run(*arguments, **options):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, **options)


def make(directory, *arguments):
    result = run(f"{TREE}/scripts/test-authority", str(directory), *arguments)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def verify(directory, name, *options):
    return run("openssl", "verify", "-CAfile", "authority.pem", *options, f"{name}.pem", cwd=directory)


def test_an_authority_makes_certificates_for_both_ends_with_names_of_hosts(tmp_path):
    make(tmp_path, "region=region.example,10.0.0.1,fe80::1")
    make(tmp_path, "edge-1")   # of the same authority
    for name in ["region", "edge-1"]:
        for purpose in ["sslserver", "sslclient"]:
            assert verify(tmp_path, name, "-purpose", purpose, "-x509_strict").returncode == 0
    for option in [["-verify_hostname", "region.example"], ["-verify_ip", "10.0.0.1"], ["-verify_hostname", "region"]]:
        assert verify(tmp_path, "region", *option).returncode == 0
        assert verify(tmp_path, "edge-1", *option).returncode != 0
    assert not os.stat(tmp_path / "region.key").st_mode & 0o077
    assert os.stat(tmp_path / "region.pem").st_mode & 0o444 == 0o444


def test_a_certificate_that_is_revoked_or_expired_does_not_hold(tmp_path):
    make(tmp_path, "one", "two")
    make(tmp_path, "--revoke", "one")
    make(tmp_path, "--expired", "old")
    revocations = ["-crl_check", "-CRLfile", "revocations.pem"]
    assert "certificate revoked" in verify(tmp_path, "one", *revocations).stderr
    assert verify(tmp_path, "two", *revocations).returncode == 0
    assert "certificate has expired" in verify(tmp_path, "old").stderr


@pytest.mark.parametrize("arguments, words", [
    ([], "usage:"), (["--revoke"], "usage:"), (["{}", "--revoke"], "usage:"), (["{}", "--expired", "a", "b"], "usage:"),
    (["{}", "../edge"], "is no name"), (["{}", "authority"], "is no name"), (["{}", "--revoke", "nobody"], "there is no"),
])
def test_what_it_does_not_understand_is_refused(tmp_path, arguments, words):
    result = run(f"{TREE}/scripts/test-authority", *[a.format(tmp_path) for a in arguments])
    assert result.returncode != 0 and words in result.stderr
