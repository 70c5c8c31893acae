"""The watch over containers' disks, without an engine: who is killed, and when again."""

from __future__ import annotations

from envs.docker_watch import DiskWatch


class Engine:
    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.killed: list[str] = []
        self.watch = DiskWatch(lambda containers: self.sizes, self.killed.append)

    def look(self, **sizes: int) -> list[str]:
        self.sizes, self.killed[:] = sizes, []
        self.watch.look()
        return list(self.killed)


def test_what_has_written_too_much_is_killed_and_again_only_when_it_grows() -> None:
    engine = Engine()
    engine.watch.add("a", 100)
    looks = [engine.look(a=size) for size in (100, 150, 150, 120, 130, 90, 101)]
    engine.watch.remove("a")
    assert looks == [[], ["a"], [], [], ["a"], [], ["a"]]


def test_one_is_told_once_at_how_much_it_was_killed() -> None:
    engine = Engine()
    engine.watch.add("a", 100)
    engine.look(a=150)
    told = [engine.watch.killed_at("a"), engine.watch.killed_at("a")]
    engine.watch.remove("a")
    assert told == [150, 0]


def test_each_has_its_own_bound_and_none_once_it_is_removed() -> None:
    engine = Engine()
    engine.watch.add("a", 100)
    engine.watch.add("b", 1000)
    engine.watch.add("c", 1)
    engine.watch.remove("c")
    killed = engine.look(a=500, b=500, c=500)
    for name in "ab":
        engine.watch.remove(name)
    assert killed == ["a"]
