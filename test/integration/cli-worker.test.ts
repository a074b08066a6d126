/** The life of `celery worker` as a process: its start, its signals, its files. On the embedded broker. */
import assert from 'node:assert/strict'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { eventually, eventuallyValue } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { isRunning } from '../support/is-running.ts'
import { cliPlace, lineOf } from './cli-process.ts'

test('a worker shows what it is: banner, queues, tasks, its title, and that its broker is embedded [7-114, 11-033]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker('-n', 'w1@%h', '-c', '1', '-Q', 'hipri,celery')
  const text = worker.output()
  assert.match(text, /w1@\S+ v\d+\.\d+\.\d+/)
  assert.match(text, /\.> app: {9}cli \(\/.*tasks\.ts\)/)
  assert.match(
    text,
    /\.> transport: {3}sqlite:\/\/.* \(embedded: a file, shared by the processes of this machine only\)/,
  )
  assert.match(text, /\.> concurrency: 1 \(prefork\)/)
  assert.match(text, /\.> hipri {12}exchange=\S*\(direct\) key=hipri/)
  assert.match(text, /\[tasks\]\n {2}\. cli\.add\n/)
  assert.match(text, /INFO\/MainProcess\] w1@\S+ ready\./)
  if (process.platform === 'linux') {
    await eventually(() =>
      assert.match(
        readFileSync(`/proc/${worker.pid}/cmdline`, 'utf8'),
        /^\[celeryd: w1@\S+:MainProcess\] -active- /,
      ),
    )
  }
  assert.equal(await worker.stop(), 0)
})

test('a quiet worker has no banner [6-008]', async (t) => {
  const place = cliPlace(t)
  const worker = place.start('-q', 'worker', '-l', 'INFO', '-c', '1')
  await worker.waitForOutput(/ready\./)
  assert.doesNotMatch(worker.output(), /\[config\]/)
  assert.equal(await worker.stop(), 0)
})

test('TERM lets running tasks finish and gives the rest back; the exit code is 0 [6-081, 6-088]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker('-c', '1')
  const result = await place.send('cli.wait', [place.file('diary'), place.file('gate')])
  await lineOf(place, 'diary', /begun (\d+)/)
  await place.send('cli.add', [1, 1])
  worker.signal('SIGTERM')
  await worker.waitForOutput(/worker: Warm shutdown \(MainProcess\)/)
  writeFileSync(place.file('gate'), '')
  assert.equal(await worker.wait(), 0)
  assert.match(place.read('diary') ?? '', /done/)
  assert.equal(await result.get(), 'done')
  assert.match((await place.run('purge', '-f')).output, /Purged 1 message /)
})

test('INT is warm with exit code 1; again, it ends running tasks [6-082, 12-012]', async (t) => {
  const place = cliPlace(t)
  const gentle = await place.worker('-c', '1')
  gentle.signal('SIGINT')
  assert.equal(await gentle.wait(), 1)
  assert.match(
    gentle.output(),
    /Hitting Ctrl\+C again will initiate cold shutdown, terminating all running tasks!/,
  )

  const worker = await place.worker('-c', '1')
  await place.send('cli.wait', [place.file('diary'), place.file('gate')])
  const child = Number(await lineOf(place, 'diary', /begun (\d+)/))
  worker.signal('SIGINT')
  await worker.waitForOutput(/Warm shutdown/)
  worker.signal('SIGINT')
  assert.equal(await worker.wait(), 1)
  assert.match(worker.output(), /Cold shutdown/)
  assert.doesNotMatch(place.read('diary') ?? '', /done/)
  assert.equal(isRunning(child), false)
})

test('QUIT ends running tasks; what acknowledges late is back in its queue [6-083, 6-089]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker('-c', '1')
  await place.send('cli.wait-late', [place.file('diary'), place.file('gate')])
  await lineOf(place, 'diary', /begun (\d+)/)
  worker.signal('SIGQUIT')
  assert.equal(await worker.wait(), 1)
  assert.match((await place.run('purge', '-f')).output, /Purged 1 message /)
})

test('TERM can be made to mean QUIT [6-084, 6-069]', async (t) => {
  const place = cliPlace(t, { REMAP_SIGTERM: 'SIGQUIT' })
  const worker = await place.worker('-c', '1')
  worker.signal('SIGTERM')
  assert.equal(await worker.wait(), 1)
  assert.match(worker.output(), /Cold shutdown/)
})

test('a soft shutdown lets tasks finish within its time [6-091, 1-169, 11-024]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker('-c', '1', '.soft_shutdown_timeout=60')
  await place.send('cli.wait', [place.file('diary'), place.file('gate')])
  await lineOf(place, 'diary', /begun (\d+)/)
  worker.signal('SIGQUIT')
  await worker.waitForOutput(/Initiating Soft Shutdown, terminating in 60 seconds/)
  writeFileSync(place.file('gate'), '')
  assert.equal(await worker.wait(), 1)
  assert.match(place.read('diary') ?? '', /done/)
})

test('a soft shutdown ends tasks when its time is over [6-091]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker('-c', '1', '.soft_shutdown_timeout=200ms')
  await place.send('cli.wait', [place.file('diary'), place.file('gate')])
  await lineOf(place, 'diary', /begun (\d+)/)
  worker.signal('SIGQUIT')
  assert.equal(await worker.wait(), 1)
  assert.doesNotMatch(place.read('diary') ?? '', /done/)
})

test('HUP starts the worker again, in the same process, with the same options [6-085]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker('-c', '1', '-n', 'phoenix@%h', '--pidfile', 'w.pid')
  worker.signal('SIGHUP')
  await eventually(() => (worker.output().match(/phoenix@\S+ ready\./g)?.length ?? 0) === 2)
  assert.match(worker.output(), /Restarting celery worker \(.*main\.ts/)
  assert.equal(place.read('w.pid'), `${worker.pid}\n`)
  assert.equal(await (await place.send('cli.add', [2, 2])).get(), 4)
  assert.equal(await worker.stop(), 0)
  assert.equal(place.read('w.pid'), undefined)
})

test('USR1 shows what goes on, running tasks by name [6-086]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker('-c', '1')
  const { id } = await place.send('cli.wait', [place.file('diary'), place.file('gate')])
  await lineOf(place, 'diary', /begun (\d+)/)
  worker.signal('SIGUSR1')
  await worker.waitForOutput(new RegExp(`tasks: 1\\n {2}cli\\.wait\\[${id}\\]`))
  writeFileSync(place.file('gate'), '')
  assert.equal(await worker.stop(), 0)
})

test('USR2 lets a debugger in, if that is allowed [6-087, 6-076]', async (t) => {
  const port = await freePort()
  const place = cliPlace(t, { CELERY_RDBSIG: '1', CELERY_RDB_PORT: String(port) })
  const worker = await place.worker('-P', 'solo')
  worker.signal('SIGUSR2')
  await worker.waitForOutput(new RegExp(`A debugger can connect to port ${port}`))
  const versions = await (await fetch(`http://127.0.0.1:${port}/json/version`)).json()
  assert.match(JSON.stringify(versions), /node\.js/)
  assert.equal(await worker.stop(), 0)
})

test('a pidfile keeps a second worker away [6-095, 6-017, 1-200]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker('-c', '1', '-n', 'one@%h', '--pidfile', '%n.pid')
  assert.equal(place.read('one.pid'), `${worker.pid}\n`)
  const second = await place.run('worker', '-n', 'one@%h', '--', '.pidfile=%n.pid')
  assert.equal(second.code, 73)
  assert.match(
    second.output,
    new RegExp(`Pidfile \\(one\\.pid\\) already exists\\.\\n.*\\(pid: ${worker.pid}\\)`),
  )
  assert.equal(await worker.stop(), 0)
  assert.equal(place.read('one.pid'), undefined)
})

test('a worker in the background has its pidfile and its log [6-026, 6-023, 10-009, 10-013]', async (t) => {
  const place = cliPlace(t)
  const files = ['--pidfile', '%n.pid', '--logfile', 'logs/%n%I.log']
  const { code, output } = await place.run('worker', '-D', '-l', 'INFO', '-c', '1', '-n', 'back@%h', ...files)
  assert.equal(code, 0, output)
  const pid = Number(await lineOf(place, 'back.pid', /^(\d+)\n/))
  t.after(() => {
    // Already gone, unless the test failed.
    if (place.read('back.pid') !== undefined) process.kill(pid, 'SIGKILL')
  })
  await lineOf(place, 'logs/back.log', /(back@\S+) ready\./)
  assert.equal(await (await place.send('cli.add', [3, 3])).get(), 6)
  process.kill(pid, 'SIGTERM')
  await eventually(() => !isRunning(pid))
  assert.equal(place.read('back.pid'), undefined)
})

test('options can stand in the environment [6-011]', async (t) => {
  const place = cliPlace(t, {
    CELERY_WORKER_CONCURRENCY: '1',
    CELERY_WORKER_POOL: 'solo',
    CELERY_WORKER_HOSTNAME: 'env@%h',
    CELERY_WORKER_LOGLEVEL: 'info',
  })
  const worker = place.start('worker')
  await worker.waitForOutput(/env@\S+ ready\./)
  assert.match(worker.output(), /concurrency: 1 \(solo\)/)
  assert.equal(await worker.stop(), 0)
})

test('settings and modules of the command line are those of the worker [6-024, 6-020]', async (t) => {
  const place = cliPlace(t)
  const app = JSON.stringify(new URL('fixtures/cli/tasks.ts', import.meta.url).href)
  writeFileSync(place.file('more.mjs'), `import { app } from ${app}\napp.task('more.pid', () => process.pid)`)
  const worker = await place.worker('-c', '1', '-I', './more', 'task.default_queue=elsewhere')
  const queue = 'elsewhere'
  assert.equal(await (await place.send('cli.setting', ['task_default_queue'], { queue })).get(), 'elsewhere')
  // Processes of the pool have them, too.
  const child = await (await place.send('more.pid', [], { queue })).get()
  assert.ok(typeof child === 'number' && child !== worker.pid)
  assert.equal(await worker.stop(), 0)
})

test('--purge empties the queues first [6-020, 7-111]', async (t) => {
  const place = cliPlace(t)
  const { id } = await place.send('cli.add', [1, 1])
  const worker = await place.worker('-c', '1', '--purge')
  assert.equal(await (await place.send('cli.add', [1, 2])).get(), 3)
  assert.doesNotMatch(worker.output(), new RegExp(id))
  assert.equal(await worker.stop(), 0)
})

test('a worker without its broker says so once per try, and gives up with exit code 1 [6-017]', async (t) => {
  const place = cliPlace(t, { CELERY_BROKER_URL: 'sqlite:////nowhere/at/all/celery.sqlite3' })
  const { code, output } = await place.run('worker', '-c', '1')
  assert.equal(code, 1)
  assert.match(output, /nowhere\/at\/all/)
  assert.doesNotMatch(output, /^\s+at /m)
})

test('a log file that was moved away is begun anew [10-009]', async (t) => {
  const place = cliPlace(t)
  const worker = place.start('worker', '-l', 'INFO', '-c', '1', '-f', 'w.log')
  await lineOf(place, 'w.log', /(ready)\./)
  renameSync(place.file('w.log'), place.file('w.log.1'))
  await place.send('cli.add', [1, 1])
  await eventuallyValue(() => (place.read('w.log')?.includes('cli.add') ? true : undefined))
  assert.doesNotMatch(readFileSync(place.file('w.log.1'), 'utf8'), /cli\.add/)
  assert.equal(await worker.stop(), 0)
})
