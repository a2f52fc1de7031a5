"""The kinds of nodes."""

import pytest

from local import errors
from local.kubernetes import node_types


def test_a_spot_node_has_the_label_by_which_skypilot_finds_it() -> None:
    labels = node_types.find("l4-spot").labels()
    assert labels["karpenter.sh/capacity-type"] == "spot"
    assert labels[node_types.GPU_LABEL] == "l4"


def test_a_node_that_nobody_labelled_has_gpus_and_no_label_of_them() -> None:
    unlabeled = node_types.find("unlabeled")
    assert unlabeled.gpus == 8
    assert node_types.GPU_LABEL not in unlabeled.labels()


def test_another_type_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(errors.CloudError, match="no nodes of type a100; write one of cpu, l4"):
        node_types.find("a100")


def test_the_first_nodes_are_of_types_that_there_are() -> None:
    assert [node_types.find(name).name for name in node_types.FIRST_NODES] == [
        *node_types.FIRST_NODES
    ]
