"""The seed documents as programs: what they print, beside what the documents print.

The documents' numbers have four digits, and lab 2B's inputs are known to four digits only.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NUMBER = re.compile(r"-?\d+\.\d*(?:e[-+]\d+)?")


@dataclass(frozen=True)
class Ran:
    """What an example printed, its warnings, and the folder with its pictures."""

    text: str
    warnings: str
    pictures: Path

    def numbers(self, label: str, occurrence: int = 0) -> list[float]:
        """The numbers of the tensor printed after the n-th ``label``."""
        after = self.text.split(label)[occurrence + 1]
        return [float(number) for number in NUMBER.findall(after.split(")")[0])]


def run_example(name: str, pictures: Path) -> Ran:
    command = [sys.executable, "-m", "dynagrad", "run", str(EXAMPLES / f"{name}.py"), str(pictures)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Ran(done.stdout, done.stderr, pictures)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run_example("lab2b_dynamic_graphs", tmp_path_factory.mktemp("lab2b"))


@pytest.fixture(scope="module")
def article(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run_example("odsc_autograd", tmp_path_factory.mktemp("odsc"))


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run_example("graph_and_autodiff", tmp_path_factory.mktemp("notebook"))


@pytest.mark.parametrize(
    ("label", "occurrence", "printed"),
    [
        ("i2h:\n", 0, [-2.0443, 0.6522, 0.5921]),
        ("h2h:\n", 0, [-1.4933, -0.8725, 3.2184]),
        ("next_h:\n", 0, [-3.5376, -0.2202, 3.8106]),
        ("next_h:\n", 1, [-0.9983, -0.2167, 0.9990]),
        ("out:\n", 0, [-0.2160]),
        # The scanned document reads -0.8028, 0.8056 and -0.8016, 0.8033 here, which the other numbers rule out.
        ("gradient of Wx:\n", 0, [-0.0028, 0.0056, -0.7770, 1.5929, -0.0016, 0.0033]),
    ],
)
def test_lab_forward_and_backward(lab: Ran, label: str, occurrence: int, printed: list[float]) -> None:
    assert lab.numbers(label, occurrence) == pytest.approx(printed, abs=3e-4)


def test_lab_gradient_of_wh_is_printed_in_scientific_notation(lab: Ran) -> None:
    printed = [
        3.3156e-03,
        1.4155e-03,
        -5.9624e-03,
        9.3559e-01,
        3.9941e-01,
        -1.6824e00,
        1.9222e-03,
        8.2059e-04,
        -3.4566e-03,
    ]
    assert "tensor([[ 3.3161e-03,  1.4157e-03, -5.9634e-03],\n" in lab.text
    assert lab.numbers("gradient of Wh:\n") == pytest.approx(printed, rel=3e-4)


@pytest.mark.parametrize("name", ["Wh", "Wx", "i2h", "h2h", "next_h", "out"])
def test_lab_requires_grad_is_contagious(lab: Ran, name: str) -> None:
    assert f"\n{name}: requires_grad = True\n" in lab.text


@pytest.mark.parametrize("name", ["x", "h", "i2h", "h2h", "next_h"])
def test_lab_gradients_that_are_not_kept(lab: Ran, name: str) -> None:
    assert f"\ngradient of {name}: None\n" in lab.text


def test_lab_reading_a_non_leaf_gradient_warns(lab: Ran) -> None:
    # Each of the three lines is warned of where it stands: native frames are no frames of Python's.
    assert len(re.findall(r"lab2b_dynamic_graphs\.py:\d+: UserWarning", lab.warnings)) == 3
    assert "UserWarning: The .grad attribute of a Tensor that is not a leaf Tensor is being accessed" in lab.warnings


def test_lab_second_backward_is_refused(lab: Ran) -> None:
    assert "second backward: RuntimeError: Trying to backward through the graph a second time" in lab.text


@pytest.mark.parametrize(("iteration", "printed"), [(0, 0.0099), (1, 0.0197), (2, 0.0296)])
def test_lab_gradients_accumulate(lab: Ran, iteration: int, printed: float) -> None:
    line = f"Iter {iteration}: tensor([{', '.join([f'{printed:.4f}'] * 9)}])"
    assert line in lab.text
    assert lab.numbers(f"Iter {iteration}:", 1) == [0.0099] * 9


def test_lab_assignment_and_in_place(lab: Ran) -> None:
    assert "dy= tensor(32.)" in lab.text
    assert "x: tensor([110.,  40.])" in lab.text


def test_lab_exercise(lab: Ran) -> None:
    answers = {"x": -12.0, "y": 3.0, "z": 6.0, "p": 3.0, "q": 3.0}
    assert "\n".join(f"df/d{name} = {value}" for name, value in answers.items()) in lab.text


def test_article_parameters_are_the_generators(article: Ran) -> None:
    assert "tensor([0.3367], requires_grad=True) tensor([0.1288], requires_grad=True)" in article.text
    assert "gradients: tensor([-3.1125]) tensor([-1.8156])" in article.text


def test_article_update_of_a_leaf_is_refused_and_no_grad_mends_it(article: Ran) -> None:
    refusal = "RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.\n  It is 'b'."
    assert refusal in article.text
    assert "with torch.no_grad():" in article.text
    assert "updated: tensor([0.6479], requires_grad=True) tensor([0.3104], requires_grad=True)" in article.text
    assert "zeroed: tensor([0.]) tensor([0.])" in article.text


def test_article_loop_finds_the_line(article: Ran) -> None:
    assert "b: tensor([1.0523], requires_grad=True)\nw: tensor([1.9127], requires_grad=True)" in article.text
    assert article.text.split("loss: ")[1].startswith("0.00835")


def test_notebook_prints(notebook: Ran) -> None:
    assert "s = tensor(3)" in notebook.text
    assert "tensor([[ 0.4183,  0.1688,  0.0390],\n        [ 0.3930, -0.2858, -0.1051]])" in notebook.text


@pytest.mark.parametrize("picture", ["lab2b_rnn_cell", "lab2b_y_and_z", "lab2b_y_detached"])
def test_lab_pictures_are_drawn(lab: Ran, picture: str) -> None:
    assert_drawn(lab.pictures / picture)


@pytest.mark.parametrize("picture", ["odsc_yhat", "odsc_b_nograd", "odsc_if_branch"])
def test_article_pictures_are_drawn(article: Ran, picture: str) -> None:
    assert_drawn(article.pictures / picture)


def assert_drawn(path: Path) -> None:
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "Backward0" in path.with_suffix(".svg").read_text(encoding="utf-8")
