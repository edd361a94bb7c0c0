"""The dtype of what ops return in a region with autocast, and the numbers, beside PyTorch's."""

from __future__ import annotations

import pytest

import dynagrad

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

OPS = {
    "mm": lambda t, F, x, h: t.mm(x, x),
    "matmul": lambda t, F, x, h: x @ h,
    "bmm": lambda t, F, x, h: t.bmm(x[None], x[None]),
    "baddbmm": lambda t, F, x, h: t.baddbmm(x[None], x[None], h[None]),
    "addmm": lambda t, F, x, h: t.addmm(x, x, h),
    "addbmm": lambda t, F, x, h: t.addbmm(x, x[None], x[None]),
    "mv": lambda t, F, x, h: t.mv(x, x[0]),
    "outer": lambda t, F, x, h: t.outer(x[0], x[0]),
    "einsum": lambda t, F, x, h: t.einsum("ij,jk->ik", x, h),
    "tensordot": lambda t, F, x, h: t.tensordot(x, x, 1),
    "linear": lambda t, F, x, h: F.linear(x, x, x[0]),
    "bilinear": lambda t, F, x, h: F.bilinear(x, x, x[None]),
    "conv1d": lambda t, F, x, h: F.conv1d(x[None], x[None]),
    "conv_transpose1d": lambda t, F, x, h: F.conv_transpose1d(x[None], x[None].transpose(0, 1)),
    "vecdot": lambda t, F, x, h: t.linalg.vecdot(x, x),
    "attention": lambda t, F, x, h: F.scaled_dot_product_attention(x[None], x[None], x[None]),
    "softmax": lambda t, F, x, h: h.softmax(-1),
    "log_softmax": lambda t, F, x, h: F.log_softmax(h, -1),
    "layer_norm": lambda t, F, x, h: F.layer_norm(h, (3,)),
    "sum": lambda t, F, x, h: h.sum(),
    "prod": lambda t, F, x, h: h.prod(),
    "cumsum": lambda t, F, x, h: h.cumsum(0),
    "trace": lambda t, F, x, h: h.trace(),
    "norm": lambda t, F, x, h: h.norm(),
    "cdist": lambda t, F, x, h: t.cdist(h, h),
    "quantile": lambda t, F, x, h: h.quantile(0.5),
    "inverse": lambda t, F, x, h: t.inverse(h + 3 * t.eye(3)),
    "solve": lambda t, F, x, h: t.linalg.solve(h + 3 * t.eye(3), h),
    "svdvals": lambda t, F, x, h: t.linalg.svdvals(h),
    "cat": lambda t, F, x, h: t.cat([x, h]),
    "stack": lambda t, F, x, h: t.stack([h, h]),
    "index_copy": lambda t, F, x, h: t.index_copy(h, 0, t.tensor([0]), x[:1]),
    "where": lambda t, F, x, h: t.where(x > 0, h, x),
    "mse_loss": lambda t, F, x, h: F.mse_loss(h, x),
    "l1_loss": lambda t, F, x, h: F.l1_loss(h, h),
    "smooth_l1_loss": lambda t, F, x, h: F.smooth_l1_loss(h, x),
    "huber_loss": lambda t, F, x, h: F.huber_loss(h, x),
    "cross_entropy": lambda t, F, x, h: F.cross_entropy(h, t.tensor([0, 1, 2])),
    "nll_loss": lambda t, F, x, h: F.nll_loss(h, t.tensor([0, 1, 2])),
    "kl_div": lambda t, F, x, h: F.kl_div(h, h.exp(), reduction="sum"),
    "bce_with_logits": lambda t, F, x, h: F.binary_cross_entropy_with_logits(h, x.sigmoid()),
    "bce": lambda t, F, x, h: F.binary_cross_entropy(h.sigmoid(), x.sigmoid()),
    "poisson_nll": lambda t, F, x, h: F.poisson_nll_loss(h, x.abs()),
    "gaussian_nll": lambda t, F, x, h: F.gaussian_nll_loss(h, x, x.abs() + 1),
    "soft_margin": lambda t, F, x, h: F.soft_margin_loss(h, x.detach().sign()),
    "hinge": lambda t, F, x, h: F.hinge_embedding_loss(h, x.sign()),
    "cosine": lambda t, F, x, h: F.cosine_embedding_loss(h, h, t.ones(3)),
    "margin_ranking": lambda t, F, x, h: F.margin_ranking_loss(h, x, t.ones(3, 3)),
    "multi_margin": lambda t, F, x, h: F.multi_margin_loss(h, t.tensor([0, 1, 2])),
    "triplet": lambda t, F, x, h: F.triplet_margin_loss(h, x, x + 1),
    "avg_pool2d": lambda t, F, x, h: F.avg_pool2d(h[None], 2),
    "avg_pool3d": lambda t, F, x, h: F.avg_pool3d(h[None, None], (1, 2, 2)),
    "max_pool3d": lambda t, F, x, h: F.max_pool3d(h[None, None], (1, 2, 2)),
    "cosine_similarity": lambda t, F, x, h: F.cosine_similarity(h, h),
    "normalize": lambda t, F, x, h: F.normalize(h),
    "double": lambda t, F, x, h: x.double() @ x.double(),
}


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("low", ["bfloat16", "float16"])
def test_dtypes_and_numbers(name, low) -> None:
    def run(lib):
        x = lib.tensor([[0.5, -1.25, 2.0], [1.5, 0.25, -0.75], [-2.0, 1.0, 0.125]], requires_grad=True)
        h = x.detach().to(getattr(lib, low))
        with lib.autocast("cpu", dtype=getattr(lib, low)):
            result = OPS[name](lib, lib.nn.functional, x, h)
        if result.requires_grad:
            result.double().sum().backward()
        grad = None if x.grad is None else x.grad.double().tolist()
        return str(result.dtype), result.detach().double().tolist(), grad

    ours, theirs = run(dynagrad), run(torch)
    assert ours[0] == theirs[0]
    tolerance = {"rtol": 2e-2, "atol": 2e-2}
    dynagrad.testing.assert_close(dynagrad.tensor(ours[1]), dynagrad.tensor(theirs[1]), equal_nan=True, **tolerance)
    assert (ours[2] is None) == (theirs[2] is None)
    if ours[2] is not None:
        dynagrad.testing.assert_close(dynagrad.tensor(ours[2]), dynagrad.tensor(theirs[2]), equal_nan=True, **tolerance)


def test_training_goes_as_pytorchs_does() -> None:
    def run(lib):
        lib.manual_seed(0)
        model = lib.nn.Sequential(lib.nn.Linear(8, 16), lib.nn.ReLU(), lib.nn.Linear(16, 4))
        optimizer = lib.optim.SGD(model.parameters(), lr=0.5)
        x, y = lib.randn(32, 8), lib.randint(0, 4, (32,))
        losses = []
        for _ in range(20):
            optimizer.zero_grad()
            with lib.autocast("cpu"):
                loss = lib.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    assert run(dynagrad) == pytest.approx(run(torch), rel=2e-2)
