"""`model-zoo` from the command line: what it prints, in full, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from model_zoo.cards import DEFAULT_MODEL, Accuracy, find_card
from model_zoo.cli import main

EXAMPLES = Path(__file__).parents[2] / "examples" / "captchas"


def run(*arguments: str | Path) -> Result:
    """The command's result in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_has_a_sentence_and_an_example(name: str) -> None:
    result = run(name, "--help")

    assert result.exit_code == 0
    assert f"Example: model-zoo {name}" in result.output
    assert main.commands[name].get_short_help_str(200).endswith((".", ";"))


def test_the_example_of_combine_names_a_model_of_ones_own_by_its_card() -> None:
    example = "Example: model-zoo combine kaptcha zoo/mine.json --name both --out zoo\n"
    assert example in run("combine", "--help").output


def test_the_commands_are_those_that_the_readme_promises() -> None:
    assert sorted(main.commands) == [
        "audit",
        "calibrate",
        "combine",
        "cross-validate",
        "evaluate",
        "export",
        "fetch-data",
        "find-lr",
        "generate",
        "list",
        "plot-run",
        "record-folds",
        "remember",
        "show",
        "show-batch",
        "solve",
        "split",
        "train",
    ]


def test_list_names_the_model_its_fingerprint_and_its_figure() -> None:
    card = find_card("crnn-small").card
    (test,) = [it for it in card.accuracy if it.part == "test" and it.decoder == card.decoder]

    result = run("list")

    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == (
        f"crnn-small@{card.fingerprint}  {card.description} "
        f"Exact match {test.value:.1%} on {test.n} test images ({card.decoder})."
    )
    assert [line.split("@")[0] for line in lines if " (default) " in line] == [DEFAULT_MODEL]


def test_show_prints_every_figure_with_its_interval() -> None:
    result = run("show", "crnn-small")

    assert result.exit_code == 0
    assert "crnn-small, 464,596 parameters" in result.output
    assert "95 % Wilson, n = " in result.output
    assert "lengths seen             5\n" in result.output
    assert "split                    part = int(sha256(file bytes), 16) mod 10" in result.output


def test_the_headline_is_never_a_figure_on_training_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = find_card("crnn-small").card
    train = Accuracy("train", "greedy", 1.0, 0.99, 1.0, 524)
    validation = next(it for it in card.accuracy if (it.part, it.decoder) == ("validation", "greedy"))
    monkeypatch.setenv("CAPTCHAFLEET_ZOO", str(tmp_path))
    for name, accuracy in (("only", (train,)), ("seen", (train, validation))):
        (tmp_path / f"{name}.json").write_text(replace(card, name=name, accuracy=accuracy).to_json())

    lines = {line.split("@")[0]: line for line in run("list").output.splitlines()}

    assert lines["only"].endswith(card.description)
    assert lines["seen"].endswith(f"{card.description} Exact match 98.9% on 88 validation images (greedy).")


def test_show_json_prints_the_card_as_it_stands_on_disk() -> None:
    card, directory = find_card("crnn-small")

    result = run("show", "crnn-small", "--json")

    assert json.loads(result.stdout).pop("card_version") == 2  # it is printed as it would be written today
    on_disk = (directory / f"{card.name}.json").read_text()
    assert result.stdout == on_disk.replace('"card_version": 1', '"card_version": 2')


def test_solve_prints_file_text_and_probability(tmp_path: Path) -> None:
    file = sorted(EXAMPLES.glob("*.png"))[0]

    result = run("solve", file)

    assert result.exit_code == 0
    name, text, probability = result.stdout.rstrip("\n").split("\t")
    assert (name, text) == (str(file), file.stem)
    assert 0.5 < float(probability) <= 1


def test_solve_says_what_it_could_not_read_and_exits_1(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.png", sorted(EXAMPLES.glob("*.png"))[0]
    bad.touch()

    result = run("solve", bad, good)

    assert result.exit_code == 1
    assert result.stderr == f"{bad}: empty_file: the file is empty; expected an image\n"
    assert result.stdout.startswith(f"{good}\t{good.stem}\t")


def test_solve_json_holds_every_image_also_the_unreadable_one(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.png", sorted(EXAMPLES.glob("*.png"))[0]
    bad.touch()

    result = run("solve", good, bad, "--json", "--length", "5", "--n-best", "2")

    rows = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [row["file"] for row in rows] == [str(good), str(bad)]
    assert [len(row["n_best"]) for row in rows] == [2, 0]
    assert all(len(candidate["text"]) == 5 for candidate in rows[0]["n_best"])
    assert rows[0]["error"] is None
    assert rows[1] == {
        "file": str(bad),
        "text": None,
        "probability": None,
        "n_best": [],
        "error": {"code": "empty_file", "message": "the file is empty; expected an image"},
        "proven": None,
        "allowed_mass": None,
        "probability_high": None,
    }


@pytest.mark.parametrize(
    ("charset", "note", "reason"),
    [
        ("abc", "the model cannot answer: a\n", "the others can be"),
        (
            "2-8bc",
            "the model cannot answer: -; ranges like 2-8 are not known, give every character\n",
            "no range",
        ),
        (":digits: ", "the model cannot answer: 019space\n", "a space alone would look like nothing"),
        ("bcd", "", "all can be"),
    ],
)
def test_solve_notes_wished_characters_that_the_model_lacks(charset: str, note: str, reason: str) -> None:
    result = run("solve", sorted(EXAMPLES.glob("*.png"))[0], "--charset", charset)

    assert (result.exit_code, result.stderr) == (0, note)


@pytest.mark.parametrize(
    ("arguments", "message", "reason"),
    [
        (
            ["show", "crnn-9"],
            "model 'crnn-9' is not in model_zoo/weights; available: crnn-small, generic, kaptcha, "
            "kaptcha-zero, nano; a model of your own: give the path of its card, like zoo/mine.json, or name "
            "its folder in CAPTCHAFLEET_ZOO",
            "an unknown model",
        ),
        (
            ["solve", "a.png", "--length", "five"],
            "length 'five' is not a number or a range; give 5 or 4-6",
            "a length that is none",
        ),
        (
            ["solve", "a.png", "--charset", "äö"],
            "charset 'äö' has no character in common with the model's '2345678bcdefgmnpwxy'",
            "nothing is allowed",
        ),
        (
            ["solve", "a.png", "--length", "26"],
            "a length of 26 needs 26 time steps, the model has 25",
            "more than the model carries",
        ),
        (
            ["solve", "a.png", "--decoder", "greedy", "--length", "5"],
            "the greedy decoder keeps to a charset and to nothing else; choose the exact decoder",
            "options that exclude each other",
        ),
        (
            ["solve", "a.png", "--device", "cuda:99"],
            "device 'cuda:99' is not there; available: cpu",
            "no such device",
        ),
        (
            ["evaluate", "crnn-small", "--data", "nowhere"],
            "data folder 'nowhere' is not there; give a folder of images named LABEL.png",
            "no such folder",
        ),
        (
            ["train", "--data", "nowhere", "--name", "mine"],
            "data folder 'nowhere' is not there; give a folder of labelled images",
            "no such folder",
        ),
        (
            ["train", "--recipe", "standard", "--data", "file.txt", "--name", "mine"],
            "data folder 'file.txt' is a file; give a folder of images named LABEL.png",
            "a file is there, and no folder",
        ),
        (
            ["train", "--data", "nowhere", "--name", "a/b"],
            "name 'a/b' is not usable; use letters, digits and . _ - only",
            "a name that is no file name",
        ),
        (
            ["generate", "--style", "wavy", "--out", "new"],
            "style 'wavy' is unknown; known are kaptcha, kaptcha-two-fonts, random, many",
            "no such style",
        ),
        (
            ["generate", "--out", "file.txt"],
            "'file.txt' is a file; give a folder",
            "a file cannot hold images",
        ),
        (
            ["generate", "--out", "file.txt/new"],
            "folder 'file.txt/new' cannot be written (Not a directory); give another one",
            "nothing can be made below a file",
        ),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(
    arguments: list[str], message: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CAPTCHAFLEET_ZOO", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.chdir(tmp_path)
    Path("file.txt").touch()

    result = run(*arguments)

    assert result.exit_code == 2
    assert result.stderr == f"Error: {message}\n"
    assert result.stdout == ""


def test_without_the_worker_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    """A Python in which torch cannot be imported, as after `pip install captchafleet`."""
    code = "import sys; sys.modules['torch'] = None; from model_zoo.cli import main; main()"

    result = subprocess.run(
        [sys.executable, "-c", code, "solve", "a.png"], capture_output=True, text=True, check=False
    )

    assert result.returncode == 2
    assert result.stderr == (
        "Error: this command needs captchafleet[worker] (torch is not installed); "
        "run: pip install 'captchafleet[worker]'\n"
    )


def test_list_and_split_work_without_the_worker_extra(twelve: Path, tmp_path: Path) -> None:
    blocked = "torch", "numpy", "PIL", "safetensors", "scipy"
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r})); from model_zoo.cli import main; main()"
    )
    split = ["split", "--data", str(twelve), "--part", "train", "--out", str(tmp_path / "list.txt")]

    for arguments in (["list"], ["show", "crnn-small"], split):
        subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)
    assert (tmp_path / "list.txt").exists()
