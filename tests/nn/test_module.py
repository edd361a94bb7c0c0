"""What a Module does: registering, finding, converting, saving, loading, copying, showing."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import pytest

import dynagrad
from dynagrad import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Sequential(OrderedDict(a=nn.Linear(4, 2), b=nn.Flatten()))
        self.register_buffer("seen", dynagrad.zeros(1))
        self.register_buffer("scratch", dynagrad.zeros(1), persistent=False)
        self.scale = nn.Parameter(dynagrad.ones(1))

    def forward(self, x):
        return self.second(self.first(x)) * self.scale


def test_names_come_in_the_order_of_registration() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "scale",
        "first.weight",
        "first.bias",
        "second.a.weight",
        "second.a.bias",
    ]
    assert [name for name, _ in net.named_buffers()] == ["seen", "scratch"]
    assert [name for name, _ in net.named_modules()] == ["", "first", "second", "second.a", "second.b"]
    assert list(net.state_dict())[:2] == ["scale", "seen"]
    assert "scratch" not in net.state_dict()
    assert net.get_submodule("second.a") is net.second.a
    assert net.get_parameter("first.bias") is net.first.bias
    assert net.get_buffer("seen") is net.seen
    with pytest.raises(AttributeError, match="has no attribute `third`"):
        net.get_submodule("second.third")


def test_assignment_keeps_each_name_in_one_register() -> None:
    net = Net()
    net.first = nn.Linear(3, 4, bias=False)
    with pytest.raises(TypeError, match="cannot assign"):
        net.scale = dynagrad.ones(1)
    with pytest.raises(TypeError, match="cannot assign"):
        net.first = 3
    net.seen = dynagrad.ones(1)
    assert net._buffers["seen"].item() == 1
    net.scale = None
    assert net._parameters["scale"] is None
    del net.scratch
    assert not hasattr(net, "scratch")
    assert not net._non_persistent_buffers_set
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'nothing'"):
        _ = net.nothing
    with pytest.raises(KeyError, match="already exists"):
        net.register_buffer("forward", dynagrad.zeros(1))


def test_a_module_needs_init_first() -> None:
    class Early(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call"):
        Early()


def test_getattr_of_a_subclass_is_asked_last() -> None:
    class Wrapper(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

    wrapped = Wrapper(nn.Linear(2, 3))
    assert wrapped.out_features == 3
    assert wrapped.inner.weight is wrapped.weight


def test_conversion_keeps_the_parameters_and_spares_integers() -> None:
    net = Net()
    net.register_buffer("steps", dynagrad.tensor(3))
    weight = net.first.weight
    net(dynagrad.ones(1, 3)).sum().backward()
    net.double()
    assert net.first.weight is weight
    assert weight.dtype is weight.grad.dtype is dynagrad.float64
    assert net.steps.dtype is dynagrad.int64
    assert net.to(dynagrad.float32).scale.dtype is dynagrad.float32
    with pytest.raises(TypeError, match="only accepts floating point"):
        net.to(dynagrad.int32)
    net.zero_grad()
    assert weight.grad is None
    assert not net.eval().second.a.training
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())


def test_a_load_that_fails_changes_nothing() -> None:
    net, other = Net(), Net()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    wrong = other.state_dict()
    wrong["second.a.weight"] = dynagrad.zeros(5, 5)
    with pytest.raises(RuntimeError, match=r"size mismatch for second.a.weight.*\[5, 5\].*\[2, 4\]"):
        net.load_state_dict(wrong)
    missing = other.state_dict()
    del missing["first.bias"]
    missing["extra"] = dynagrad.zeros(1)
    with pytest.raises(RuntimeError, match=r'(?s)Missing key.*"first.bias".*') as caught:
        net.load_state_dict(missing)
    assert 'Unexpected key(s) in state_dict: "extra"' in str(caught.value)
    assert all(bool((net.state_dict()[key] == value).all()) for key, value in before.items())
    report = net.load_state_dict(missing, strict=False)
    assert report.missing_keys == ["first.bias"]
    assert report.unexpected_keys == ["extra"]
    assert bool((net.first.weight == other.first.weight).all())


def test_state_goes_there_and_back() -> None:
    net, other = Net(), Net()
    assert str(net.load_state_dict(other.state_dict())) == "<All keys matched successfully>"
    assert bool((net(dynagrad.ones(1, 3)) == other(dynagrad.ones(1, 3))).all())
    given = other.state_dict()
    net.load_state_dict(given, assign=True)
    assert net.first.weight.data_ptr() == given["first.weight"].data_ptr()
    assert isinstance(net.first.weight, nn.Parameter)


def test_hooks_of_state() -> None:
    calls = []
    net = Net()
    net.register_state_dict_pre_hook(lambda module, prefix, keep_vars: calls.append("pre"))
    net.register_state_dict_post_hook(lambda module, state, prefix, metadata: calls.append(len(state)))
    net.register_load_state_dict_pre_hook(lambda module, state, *rest: calls.append("load"))
    net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    state = net.state_dict()
    del state["scale"]
    net.load_state_dict(state)
    assert calls == ["pre", 6, "load"]


def test_extra_state() -> None:
    class Counter(nn.Module):
        count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    counter = Counter()
    counter.count = 3
    state = counter.state_dict()
    assert state == {"_extra_state": {"count": 3}}
    other = Counter()
    other.load_state_dict(state)
    assert other.count == 3
    with pytest.raises(RuntimeError, match="_extra_state"):
        Counter().load_state_dict({})


def test_copies_and_pickles() -> None:
    net = Net().eval()
    net.first.weight.tag = "kept with the object"
    for made in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):  # noqa: S301  # it was pickled here
        assert made.first.weight is not net.first.weight
        assert isinstance(made.first.weight, nn.Parameter)
        assert not made.training
        assert bool((made(dynagrad.ones(1, 3)) == net(dynagrad.ones(1, 3))).all())
    shared = nn.ModuleList([net.first, net.first])
    made = copy.deepcopy(shared)
    assert made[0] is made[1]


def test_how_it_looks() -> None:
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Linear(in_features=3, out_features=4, bias=True)\n"
        "  (second): Sequential(\n"
        "    (a): Linear(in_features=4, out_features=2, bias=True)\n"
        "    (b): Flatten(start_dim=1, end_dim=-1)\n"
        "  )\n"
        ")"
    )
    assert repr(nn.ModuleList([nn.Tanh(), nn.Tanh(), nn.ReLU()])) == (
        "ModuleList(\n  (0-1): 2 x Tanh()\n  (2): ReLU()\n)"
    )
    assert "first" in dir(Net())


def test_the_path_of_the_module_is_named() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    model = nn.ModuleDict({"encoder": nn.TransformerEncoder(layer, 3)})
    model.encoder.layers[2].linear1 = nn.Linear(9, 16)

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = model["encoder"]

        def forward(self, x):
            return self.encoder(x)

    with pytest.raises(RuntimeError, match=r"in module encoder\.layers\.2\.linear1: Linear\(in_features=9"):
        Whole()(dynagrad.ones(4, 1, 8))
    with pytest.raises(RuntimeError, match=r"in module Linear\(in_features=3, out_features=4"):
        nn.Linear(3, 4)(dynagrad.ones(2, 5))


def test_a_users_own_error_stays_what_it_says() -> None:
    class Strict(nn.Module):
        def forward(self, x):
            raise ValueError("not today")

    with pytest.raises(ValueError, match=r"^not today$"):
        nn.Sequential(Strict())(1)
    assert not hasattr(ValueError("x"), "_in_module")


def test_lazy_layers_turn_into_ordinary_ones() -> None:
    layer = nn.LazyLinear(2)
    assert layer.has_uninitialized_params()
    with pytest.raises(RuntimeError, match="shape of an uninitialized"):
        _ = layer.weight.shape
    assert layer(dynagrad.ones(4, 3)).shape == (4, 2)
    assert type(layer) is nn.Linear
    other = nn.LazyLinear(2)
    other.load_state_dict(layer.state_dict())
    assert other.weight.shape == (2, 3)


def test_containers() -> None:
    layers = nn.Sequential(nn.Tanh(), nn.ReLU(), nn.Sigmoid())
    assert isinstance(layers[-1], nn.Sigmoid)
    assert len(layers[1:]) == 2
    del layers[0]
    assert [name for name, _ in layers.named_children()] == ["0", "1"]
    layers.insert(0, nn.Tanh())
    assert isinstance(layers.pop(0), nn.Tanh)
    with pytest.raises(IndexError):
        _ = layers[5]
    parameters = nn.ParameterDict({"a": dynagrad.ones(1)})
    assert isinstance(parameters["a"], nn.Parameter)
    assert "a" in parameters
    assert list(nn.ParameterList([dynagrad.ones(1), dynagrad.ones(2)]).state_dict()) == ["0", "1"]
    with pytest.raises(NotImplementedError, match="missing the required"):
        nn.ModuleList([])(1)


def test_buffers_know_whether_they_are_saved() -> None:
    module = nn.Module()
    module.kept = nn.Buffer(dynagrad.ones(1))
    module.gone = nn.Buffer(dynagrad.ones(1), persistent=False)
    assert list(module.state_dict()) == ["kept"]
    assert isinstance(module.kept, nn.Buffer)


def test_object_setattr_passes_registration_by():
    class Model(dynagrad.nn.Module):
        def __init__(self):
            super().__init__()
            object.__setattr__(self, "teacher", dynagrad.nn.Linear(1, 1))
            self.student = dynagrad.nn.Linear(1, 1)

        def __setattr__(self, name, value):
            super().__setattr__(name, value)

    model = Model()
    assert [name for name, _ in model.named_children()] == ["student"]
    assert isinstance(model.teacher, dynagrad.nn.Linear)
    object.__delattr__(model, "teacher")
    assert not hasattr(model, "teacher")
    del model.student
    assert list(model.parameters()) == []
