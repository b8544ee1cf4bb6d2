"""Settings, and the file that they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxsdk import ConfigurationError
from cxsdk.testing import opened
from cxsdk_localcrm import LocalCRM, register_crms


def test_the_plugin_registers_its_one_crm() -> None:
    assert register_crms() == [LocalCRM]


def test_without_settings_it_is_a_file_with_two_agents() -> None:
    crm = LocalCRM()
    assert (crm.name, crm.database, crm.agent_names) == ("localcrm", "localcrm.db", ("Agent One", "Agent Two"))


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"database": ""}, "LocalCRM.database"),
        ({"database": ":memory:"}, "LocalCRM.database"),
        ({"database": "file:crm?mode=memory"}, "LocalCRM.database"),
        ({"agent_names": ()}, "LocalCRM.agent_names"),
        ({"agent_names": ("  ",)}, "LocalCRM.agent_names.0"),
        ({"agent_names": ("Twin", "Twin ")}, "LocalCRM.agent_names"),
        ({"agents": ("One",)}, "LocalCRM.agents"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], path: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        LocalCRM(**settings)
    assert refused.value.path == path


def test_a_directory_that_is_not_there_is_named_with_the_cure(tmp_path: Path) -> None:
    crm = LocalCRM(database=str(tmp_path / "nowhere" / "crm.db"))
    with pytest.raises(ConfigurationError, match="directory that exists"), opened(crm):
        pass


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear reader, " * 100)
    with pytest.raises(ConfigurationError, match="not a database"), opened(LocalCRM(database=str(file))):
        pass
    assert file.read_text().startswith("Dear reader")


def test_agents_are_named_by_whoever_opens_the_file_first(tmp_path: Path) -> None:
    file = str(tmp_path / "crm.db")
    with opened(LocalCRM(database=file, agent_names=("Зразок Перший", "Sample"))) as crm:
        assert [(a.name, a.email) for a in crm.agents()] == [
            ("Зразок Перший", "agent-1@example.com"),
            ("Sample", "sample@example.com"),
        ]
    with opened(LocalCRM(database=file)) as crm:
        assert [agent.name for agent in crm.agents()] == ["Зразок Перший", "Sample"]


def test_a_file_outlives_its_process_and_can_be_opened_again(tmp_path: Path) -> None:
    crm = LocalCRM(database=str(tmp_path / "crm.db"))
    for _ in range(2):
        with opened(crm):
            crm.agents()
    with opened(crm):
        assert crm.calls() == {"agents": 2}


def test_a_check_reads_the_agents_and_is_not_counted(tmp_path: Path) -> None:
    with opened(LocalCRM(database=str(tmp_path / "crm.db"))) as crm:
        assert crm.check() == "2 agents"
        assert crm.calls() == {}
