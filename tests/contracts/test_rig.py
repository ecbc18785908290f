"""The contract of every rig, kept by each of ours: the fake one, this process's Keras back end, and portable Keras."""

import pytest
from contracts.fake_rig import FakeRig
from contracts.rig_contract import RigContract
from contracts.rigs import BACKEND, rig_of


class TestFakeRig(RigContract):
    @pytest.fixture
    def rig(self):
        return FakeRig()


class TestKerasRig(RigContract):
    @pytest.fixture
    def rig(self):
        return rig_of("dense", BACKEND)


@pytest.mark.second
class TestPortableRig(RigContract):
    curvature_error = 0.02  # it takes differences of gradients

    @pytest.fixture
    def rig(self):
        return rig_of("dense", "portable")
