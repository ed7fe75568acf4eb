"""One worker: order, replacement, errors and the end."""

from __future__ import annotations

import threading

from meshimplant.edit_page.work_queue import WorkQueue


def test_tasks_run_in_order_and_a_later_one_replaces_its_like() -> None:
    done: list[str] = []
    gate = threading.Event()
    failed: list[Exception] = []
    queue = WorkQueue(failed.append)
    queue.submit("first", lambda: done.append(f"first {gate.wait(5)}"))
    for number in range(5):
        queue.submit("slider", lambda number=number: done.append(f"slider {number}"))
    queue.submit(None, lambda: done.append("edit"))
    queue.submit(None, lambda: done.append("edit"))
    gate.set()
    assert queue.wait_idle(5)
    assert done == ["first True", "slider 4", "edit", "edit"]
    assert failed == []
    queue.close()


def test_a_failure_is_told_and_the_next_task_runs() -> None:
    failed: list[Exception] = []
    done: list[int] = []
    queue = WorkQueue(failed.append)
    queue.submit(None, lambda: done.append(1 // 0))
    queue.submit(None, lambda: done.append(2))
    assert queue.wait_idle(5)
    assert done == [2]
    assert [type(each) for each in failed] == [ZeroDivisionError]
    queue.close()


def test_a_closed_queue_does_nothing_more() -> None:
    done: list[int] = []
    queue = WorkQueue(lambda _: None)
    queue.close()
    queue.submit(None, lambda: done.append(1))
    queue.close()
    assert done == []
