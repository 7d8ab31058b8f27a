"""Runs a worker of another queue, or fills the queue."""

import sys

import redis

from benchmarks.queues import UP, load

if __name__ == "__main__":
    name, command, url, *options = sys.argv[1:]
    queue = load(name)
    if command == "enqueue":
        queue.enqueue(url, int(options[0]))
    else:
        redis.Redis.from_url(url).rpush(UP, name)
        queue.work(url, *options)
