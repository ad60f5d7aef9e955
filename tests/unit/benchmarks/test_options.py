import sys

import pytest

from benchmarks.harness.options import Options, make_parser, read_options
from benchmarks.harness.pairs import Pair

USUAL = [Pair("framegate", "nginx"), Pair("framegate", "haproxy"), Pair("framegate", "aiohttp")]


def read(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Options:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    return read_options(make_parser("some", "Some.", times=9, seconds=0.5), quick_times=2)


@pytest.mark.parametrize("arguments", [[], ["--pairs=15"], ["--seconds=1.5"]])
def test_a_full_run_is_kept(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    assert not read(monkeypatch, *arguments).trial


@pytest.mark.parametrize("arguments", [["--quick"], ["--pairs=8"], ["--seconds=0.1"], ["--peers=nginx"]])
def test_a_run_that_measures_less_is_a_trial(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    assert read(monkeypatch, *arguments).trial


def test_a_quick_run_measures_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch).times == 9
    assert read(monkeypatch, "--quick").times == 2
    assert read(monkeypatch, "--quick", "--pairs=1").times == 1


def test_a_subject_and_peers_that_are_given_replace_the_usual_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch).choose_pairs(USUAL) == USUAL
    assert read(monkeypatch, "--quick").choose_pairs(USUAL) == USUAL[:2]
    assert read(monkeypatch, "--peers=nginx,aiohttp").choose_pairs(USUAL) == [
        Pair("framegate", "nginx"),
        Pair("framegate", "aiohttp"),
    ]
    assert read(monkeypatch, "--subject=haproxy").choose_pairs(USUAL) == [
        Pair("haproxy", "nginx"),
        Pair("haproxy", "aiohttp"),
    ]


def test_an_unknown_peer_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(monkeypatch, "--peers=nginx,apache")

    assert "no such peer: apache" in capsys.readouterr().err
