"""Python Celery: producer (this script) and worker (`celery -A bench_celery worker`)."""
import json
import os
import sys
import time

from celery import Celery

app = Celery('bench', broker=os.environ['CELERY_BROKER_URL'], backend=os.environ.get('CELERY_RESULT_BACKEND'))
app.conf.broker_connection_retry_on_startup = True


@app.task(name='bench.noop', ignore_result=True)
def noop():
    pass


@app.task(name='bench.noop_result')
def noop_result():
    return 1


@app.task(name='bench.io', ignore_result=True)
def io():
    time.sleep(0.01)


def main():
    verb, n, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    task = {'noop': noop, 'noop_result': noop_result, 'io': io}[name]
    if verb == 'roundtrip':
        times = []
        for i in range(n + 20):
            start = time.perf_counter()
            noop_result.delay().get(timeout=30)
            if i >= 20:
                times.append((time.perf_counter() - start) * 1000)
        times.sort()
        print(json.dumps({'p50': times[len(times) // 2], 'p99': times[int(len(times) * 0.99)]}))
    else:
        task.delay()
        start = time.perf_counter()
        for _ in range(n - 1):
            task.delay()
        print(json.dumps({'seconds': time.perf_counter() - start}))


if __name__ == '__main__':
    main()
