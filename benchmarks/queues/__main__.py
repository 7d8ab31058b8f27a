"""A worker of another queue, or whoever fills it."""

import sys

import redis

from benchmarks.queues import UP, load

if __name__ == "__main__":
    name, act, url, *options = sys.argv[1:]
    queue = load(name)
    if act == "enqueue":
        queue.enqueue(url, int(options[0]))
    else:
        redis.Redis.from_url(url).rpush(UP, name)
        queue.work(url, *options)
