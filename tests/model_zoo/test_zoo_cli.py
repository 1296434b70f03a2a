"""`model-zoo` from the command line: what it prints, in full, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from model_zoo.cards import find_card
from model_zoo.cli import main
from model_zoo.generators.folder import write_examples
from model_zoo.split import labelled_files, of_parts

EXAMPLES = Path(__file__).parents[2] / "examples" / "captchas"


def run(*arguments: str | Path) -> Result:
    """The command's result in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def twelve(tmp_path: Path) -> Path:
    """A folder with twelve labelled images and one that is none."""
    folder = tmp_path / "twelve"
    write_examples(folder, style="kaptcha", count=12, seed=3)
    return folder


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_has_a_sentence_and_an_example(name: str) -> None:
    result = run(name, "--help")

    assert result.exit_code == 0
    assert f"Example: model-zoo {name}" in result.output
    assert main.commands[name].get_short_help_str(200).endswith((".", ";"))


def test_the_commands_are_those_that_the_readme_promises() -> None:
    assert sorted(main.commands) == ["evaluate", "generate", "list", "show", "solve", "split", "train"]


def test_list_names_the_model_its_fingerprint_and_its_figure() -> None:
    card = find_card("crnn-small").card
    (test,) = [it for it in card.accuracy if it.part == "test" and it.decoder == "greedy"]

    result = run("list")

    assert result.exit_code == 0
    assert result.output.splitlines()[0] == (
        f"crnn-small@{card.fingerprint}  {card.description} "
        f"Exact match {test.value:.1%} on {test.n} test images (greedy)."
    )


def test_show_prints_every_figure_with_its_interval() -> None:
    result = run("show", "crnn-small")

    assert result.exit_code == 0
    assert "crnn-small, 464,596 parameters" in result.output
    assert "95 % Wilson, n = " in result.output
    assert "split                   part = int(sha256(file bytes), 16) mod 10" in result.output


def test_show_json_prints_the_card_as_it_stands_on_disk() -> None:
    card, directory = find_card("crnn-small")

    result = run("show", "crnn-small", "--json")

    assert result.stdout == (directory / f"{card.name}.json").read_text()


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
    }


@pytest.mark.parametrize(
    ("arguments", "message", "reason"),
    [
        (
            ["show", "crnn-9"],
            "model 'crnn-9' is not in model_zoo/weights; available: crnn-small",
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
            "a length needs the beam decoder; choose it, or leave the length out",
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
            "data folder 'nowhere' is not there; give a folder of images named LABEL.png",
            "no such folder",
        ),
        (
            ["train", "--data", "nowhere", "--name", "a/b"],
            "name 'a/b' is not usable; use letters, digits and . _ - only",
            "a name that is no file name",
        ),
        (
            ["generate", "--style", "wavy", "--out", "new"],
            "style 'wavy' is unknown; known are kaptcha",
            "no such style",
        ),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(
    arguments: list[str], message: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CAPTCHAFLEET_ZOO", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.chdir(tmp_path)

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


def test_split_lists_the_files_of_a_part(twelve: Path, tmp_path: Path) -> None:
    wanted = of_parts(labelled_files(twelve), ["train"])
    out = tmp_path / "list.txt"

    result = run("split", "--data", twelve, "--part", "train", "--out", out)

    assert result.output == f"{out}: {len(wanted)} images of train\n"
    assert out.read_text().splitlines() == [file.path.name for file in wanted]


def test_generate_says_how_many_images_it_made(tmp_path: Path) -> None:
    result = run("generate", "--count", "3", "--seed", "8", "--out", tmp_path / "new")

    assert result.output == f"{tmp_path / 'new'}: 3 images\n"
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_evaluate_counts_a_wrong_label_and_lists_it(twelve: Path) -> None:
    train = of_parts(labelled_files(twelve), ["train"])
    wrong = train[0].path.rename(train[0].path.with_name("22222.png"))

    result = run("evaluate", "crnn-small", "--data", twelve, "--part", "train", "--json")
    words = run("evaluate", "crnn-small", "--data", twelve, "--part", "train").output.splitlines()

    figures = json.loads(result.stdout)
    assert figures["exact_match"]["n"] == len(train)
    assert figures["exact_match"]["value"] == (len(train) - 1) / len(train)
    assert [(it["file"], it["label"], it["text"]) for it in figures["errors"]] == [
        (wrong.name, "22222", train[0].label)
    ]
    assert words[0] == "model                 crnn-small, greedy, parts train"
    assert words[1].startswith(f"exact match           {figures['exact_match']['value']:.2%} (")
    assert words[1].endswith(f" 95 % Wilson, n = {len(train)})")
    assert words[4] == "errors                1"
    assert words[5].startswith(f"  22222.png: 22222 read as {train[0].label} (p = ")


def test_record_is_refused_for_a_constrained_model(twelve: Path) -> None:
    result = run("evaluate", "crnn-small", "--data", twelve, "--length", "5", "--record")

    assert result.exit_code == 2
    assert result.stderr.endswith(
        "Error: --record is for the model as it is; leave --charset and --length out\n"
    )


@pytest.fixture
def small_images(tmp_path: Path) -> Path:
    """Forty images so small that an epoch takes no time."""
    folder = tmp_path / "small"
    for path in write_examples(folder, style="kaptcha", count=40, seed=0):
        with Image.open(path) as image:
            small = image.resize((64, 16))
        small.save(path)
    return folder


def train_command(data: Path, out: Path) -> list[str]:
    return [
        *(sys.executable, "-c", "from model_zoo.cli import main; main()", "train"),
        *("--data", str(data), "--name", "mine", "--out", str(out), "--epochs", "8"),
        *("--height", "16", "--width", "64"),
    ]


def test_a_run_that_was_killed_goes_on_to_the_same_number_of_epochs(
    small_images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "zoo"
    command, environment = train_command(small_images, out), {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment)
    while not (out / "mine.checkpoint").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL

    result = subprocess.run(
        [*command, "--resume"], env=environment, capture_output=True, text=True, check=False
    )

    match = find_card(out / "mine.json").card.accuracy[0]
    assert (result.returncode, result.stderr) == (0, ""), "quiet where there is no terminal"
    assert result.stdout == (
        f"{out / 'mine'}.json: exact match {match.value:.1%} on {match.n} validation images\n"
    )
    lines = (out / "mine.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == [str(epoch) for epoch in range(1, 9)]

    recorded = run("evaluate", out / "mine.json", "--data", small_images, "--record")
    after = find_card(out / "mine.json").card
    assert recorded.exit_code == 0
    assert [it.part for it in after.accuracy] == ["test", "validation"]
    assert after.accuracy[0].n == after.data.test
