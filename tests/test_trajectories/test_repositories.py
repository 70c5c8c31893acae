"""The repository of an episode, from the ids that real data sets have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trajectory_samples import episode

from trajectories.repositories import repository_of


@pytest.mark.parametrize(
    ("instance_id", "repository"),
    [
        ("astropy__astropy-12907", "astropy/astropy"),
        ("Project-MONAI__MONAI-1010", "project-monai/monai"),
        ("scikit-learn__scikit-learn-9288", "scikit-learn/scikit-learn"),
        ("pylint-dev__astroid-1196", "pylint-dev/astroid"),
        ("oauthlib__oauthlib.1fd52536.combine_file__09vlzwgc", "oauthlib/oauthlib"),
        ("python-jsonschema__jsonschema.93e0caa5.pr_53652", "python-jsonschema/jsonschema"),
        ("gruns__furl.da386f68", "gruns/furl"),
        ("hello-world", ""),
        ("wallet__parse_rate", ""),
    ],
)
def test_the_instance_id_tells_the_repository(instance_id: str, repository: str) -> None:
    assert repository_of(episode(instance_id)) == repository


@pytest.mark.parametrize(
    ("meta", "repository"),
    [
        ({"repo": "Django/django"}, "django/django"),
        ({"repo": "swesmith/oauthlib__oauthlib.1fd52536"}, "oauthlib/oauthlib"),
        ({"repository": "wallet"}, "wallet"),
        ({"repo": " "}, "a/b"),
    ],
)
def test_the_meta_goes_before_the_instance_id(meta: dict[str, str], repository: str) -> None:
    assert repository_of(replace(episode("a__b-1"), meta=meta)) == repository
