"""Ensembles that are refused, each in one sentence, and the command that makes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from model_zoo.cards import ModelCard, find_card, read_card
from model_zoo.cli import main
from model_zoo.combine import CombineOptions, combine
from model_zoo.ensemble import parse_views
from model_zoo.errors import CardError, DataError, ModelNotFound, WeightsMismatch
from model_zoo.members import verify_model
from model_zoo.solver import load_solver

Make = Callable[..., ModelCard]


def both(folder: Path, *members: str, views: tuple[Any, ...] = ()) -> ModelCard:
    """The ensemble `both` of these members."""
    return combine(CombineOptions(members, "both", folder, views))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shifts": []}, "the options {'shifts': []}; it takes views"),
        ({"views": []}, "the options {'views': []}; it takes views"),
        ({"views": [[1, 0]]}, "the view [1, 0]; give [dx, dy, scale], e.g. [1, 0, 1.0]"),
        ({"views": [[1, 0, 0]]}, "the view [1, 0, 0]; give [dx, dy, scale], e.g. [1, 0, 1.0]"),
        ({"views": [[1, 0, True]]}, "the view [1, 0, True]; give [dx, dy, scale], e.g. [1, 0, 1.0]"),
        ({"views": ["1,0"]}, "the view '1,0'; give [dx, dy, scale], e.g. [1, 0, 1.0]"),
    ],
)
def test_views_that_mean_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(CardError) as caught:
        parse_views(options)
    assert str(caught.value) == f"architecture 'ensemble' does not take {message}"


def test_a_member_that_is_gone_is_said_so(make: Make, own_zoo: Path) -> None:
    make("a", 1)
    both(own_zoo, "a")
    (own_zoo / "a.json").unlink()

    for use in (lambda: load_solver("both", "cpu"), lambda: verify_model(*find_card("both"))):
        with pytest.raises(ModelNotFound) as caught:
            use()
        assert str(caught.value) == (
            "ensemble 'both' asks the model 'a', which is neither beside its card nor in the zoo; bring it, "
            "or combine anew"
        )


def test_a_member_that_was_changed_is_refused(make: Make, own_zoo: Path) -> None:
    old = make("a", 1)
    both(own_zoo, "a")
    new = make("a", 1, mean=0.6)

    with pytest.raises(ModelNotFound) as caught:
        load_solver("both", "cpu")
    assert str(caught.value) == (
        f"ensemble 'both' was made of a@{old.fingerprint}, here is a@{new.fingerprint}; bring the first, or "
        "combine anew"
    )


def test_a_new_measurement_of_a_member_changes_nothing(make: Make, own_zoo: Path) -> None:
    card = make("a", 1)
    both(own_zoo, "a")
    measured = replace(card, accuracy=find_card("crnn-small").card.accuracy)
    (own_zoo / "a.json").write_text(measured.to_json())

    assert load_solver("both", "cpu").card.name == "both"


def test_damaged_weights_of_a_member_are_refused_with_and_without_torch(make: Make, own_zoo: Path) -> None:
    make("a", 1)
    both(own_zoo, "a")
    path = own_zoo / "a.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    for use in (lambda: load_solver("both", "cpu"), lambda: verify_model(*find_card("both"))):
        with pytest.raises(WeightsMismatch, match=r"the card names [0-9a-f]{64}; copy both files again"):
            use()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"charset": "32ab"}, "charset '23ab', its member 'b' has '32ab'"),
        ({"time_steps": 9}, "time steps 10, its member 'b' has 9"),
        ({"height": 48}, "height 50, its member 'b' has 48"),
        ({"width": 79}, "width 80, its member 'b' has 79"),
    ],
)
def test_members_whose_frames_are_others_are_refused(
    make: Make, own_zoo: Path, fields: dict[str, Any], message: str
) -> None:
    make("a", 1)
    make("b", 2, **fields)

    with pytest.raises(CardError) as caught:
        both(own_zoo, "a", "b")
    assert str(caught.value) == f"ensemble 'both' has the {message}; members must agree"
    assert not (own_zoo / "both.json").exists()


def test_an_ensemble_of_ensembles_is_refused(make: Make, own_zoo: Path) -> None:
    make("a", 1)
    both(own_zoo, "a")

    with pytest.raises(CardError) as caught:
        combine(CombineOptions(["both"], "all", own_zoo))
    assert str(caught.value) == (
        "ensemble 'all' asks the model 'both', which is an ensemble itself; name its members instead"
    )


def test_a_name_that_is_taken_or_unusable_is_refused(make: Make, own_zoo: Path) -> None:
    make("a", 1)

    with pytest.raises(DataError) as caught:
        combine(CombineOptions(["a"], "a", own_zoo))
    assert str(caught.value) == f"model 'a' is in {own_zoo} already; choose another name or delete it"
    with pytest.raises(DataError) as caught:
        combine(CombineOptions(["a"], "../a", own_zoo))
    assert str(caught.value) == "name '../a' is not usable; use letters, digits and . _ - only"


def test_an_ensemble_never_bears_the_name_of_a_member(make: Make, own_zoo: Path, tmp_path: Path) -> None:
    make("a", 1)

    with pytest.raises(DataError) as caught:
        combine(CombineOptions(["a"], "a", tmp_path / "other"))
    assert str(caught.value) == "name 'a' is a member's, which the ensemble would hide; choose another name"
    assert not (tmp_path / "other").exists()


def test_a_member_is_a_name_and_no_path(make: Make, own_zoo: Path) -> None:
    make("a", 1)
    both(own_zoo, "a")
    path = own_zoo / "both.json"
    card = json.loads(path.read_text())
    card["members"][0]["name"] = "../a"
    path.write_text(json.dumps(card))

    with pytest.raises(CardError) as caught:
        find_card("both")
    assert str(caught.value) == f"card {path} has the member '../a'; use letters, digits and . _ - only"


def test_the_data_of_members_that_saw_different_images_are_those_of_none(make: Make, own_zoo: Path) -> None:
    first = make("a", 1)
    other = replace(first.data, name="other", train=7, test=9_000, sha256="ab" * 32)
    make("b", 2, data=other)

    data = both(own_zoo, "a", "b").data

    assert (data.name, data.sha256) == (f"{first.data.name} and other", "")
    assert (data.train, data.test) == (max(first.data.train, 7), 9_000)
    assert data.split == "as of each member; see their cards"


def test_the_command_writes_the_card_and_says_where(make: Make, own_zoo: Path) -> None:
    make("a", 1)
    make("b", 2)

    done = CliRunner().invoke(
        main,
        f"combine a b --name both --out {own_zoo} --view 0,0 --view 1,-1,1.05".split(),
    )
    shown = CliRunner().invoke(main, ["show", "both"])

    card = read_card(own_zoo / "both.json")
    told = f"both@{card.fingerprint}  The mean of a and b by 2 views.\n"
    assert done.output == f"{own_zoo / 'both.json'}: {told}"
    assert card.options == {"views": [[0.0, 0.0, 1.0], [1.0, -1.0, 1.05]]}
    assert json.loads((own_zoo / "both.json").read_text())["weights"] == ""
    assert (
        f"member                   a@{card.members[0].fingerprint}, sha256 {card.members[0].sha256}"
        in shown.output
    )


@pytest.mark.parametrize("view", ["1", "a,b", "1,2,3,4", "1,nan", "0,0,0"])
def test_a_view_that_is_none_is_refused_on_the_command_line(own_zoo: Path, view: str) -> None:
    result = CliRunner().invoke(main, ["combine", "a", "--name", "x", "--out", str(own_zoo), "--view", view])

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        f"Error: Invalid value for '--view' (env var: 'CAPTCHAFLEET_VIEW'): '{view}' is no view; give DX,DY "
        "or DX,DY,SCALE, e.g. 1,0 or 0,0,1.05"
    )
