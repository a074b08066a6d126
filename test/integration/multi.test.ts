/** `celery multi` with workers that really run. On the embedded broker. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import type { CliPlace } from './cli-process.ts'
import { cliPlace } from './cli-process.ts'

const FILES = ['--pidfile=./run/%n.pid', '--logfile=./log/%n%I.log']
const HOST = hostname()

function pidOf(place: CliPlace, name: string): number {
  return Number(place.read(`run/${name}.pid`))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'ESRCH')
    return false
  }
}

/** Workers in the background don't end with the command that started them. */
function endLater(t: TestContext, place: CliPlace, names: readonly string[]): void {
  const kill = (): void => {
    const pids = names.map((name) => pidOf(place, name)).filter((pid) => pid > 0 && isAlive(pid))
    for (const pid of pids) process.kill(pid, 'SIGKILL')
  }
  onCleanup(t, async () => kill(), kill)
}

test('nodes are started, restarted and stopped together [6-051 6-052 6-053 6-055 6-058 6-059 6-060 6-061 6-064 11-034 6-036 12-052]', async (t) => {
  const place = cliPlace(t)
  const nodes = ['a', 'b']
  endLater(t, place, nodes)
  const options = ['-P', 'solo', '-l', 'INFO', '-Q:1', 'hipri', ...FILES]
  const started = await place.run('multi', 'start', ...nodes, ...options)
  assert.match(started.output, /^celery multi v\d+\.\d+\.\d+ \(\w+\)\n> Starting nodes\.\.\.\n/)
  for (const name of nodes) assert.match(started.output, new RegExp(`\\t> ${name}@${HOST}: OK\\n`))
  assert.equal(started.code, 0)
  const [first, second] = nodes.map((name) => pidOf(place, name))
  assert.ok(first && second && first !== second)
  assert.equal(await (await place.send('cli.add', [2, 2], { queue: 'hipri' })).get(), 4)

  const again = await place.run('multi', 'start', 'a', ...options)
  assert.match(again.output, /\* Child terminated with exit code 73\nFAILED\n/)
  assert.equal(again.code, 1)

  const restarted = await place.run('multi', 'restart', ...nodes, '-INT', ...options)
  assert.equal(restarted.code, 0, restarted.output)
  assert.match(restarted.output, new RegExp(`> Stopping nodes\\.\\.\\.\\n\\t> a@${HOST}: INT -> ${first}\\n`))
  assert.match(restarted.output, /> Waiting for 2 nodes -> \d+, \d+\.\.\./)
  assert.match(restarted.output, new RegExp(`\\t> b@${HOST}: OK\\n> Restarting node b@${HOST}: OK\\n`))
  const now = nodes.map((name) => pidOf(place, name))
  assert.ok(now.every((pid) => pid > 0 && pid !== first && pid !== second))
  assert.equal(await (await place.send('cli.add', [3, 3], { queue: 'hipri' })).get(), 6)
  const { output: graph } = await place.run('graph', 'workers')
  for (const name of nodes) assert.match(graph, new RegExp(`"${name}@${HOST}" -> "sqlite:.*";\n`))

  const stopped = await place.run('multi', 'stopwait', ...nodes, ...FILES)
  assert.equal(stopped.code, 0)
  assert.match(stopped.output, new RegExp(`\\t> a@${HOST}: TERM -> ${now[0]}\\n`))
  assert.match(stopped.output, new RegExp(`\\n\\t> a@${HOST}: OK\\n> a@${HOST}: DOWN\\n`))
  assert.deepEqual(
    nodes.map((name) => place.read(`run/${name}.pid`)),
    [undefined, undefined],
  )
})

test('a node is killed; one without a process is down [6-051 6-060 6-061]', async (t) => {
  const place = cliPlace(t)
  endLater(t, place, ['k'])
  await place.run('multi', 'start', 'k', '-P', 'solo', ...FILES)
  const pid = pidOf(place, 'k')
  const killed = await place.run('multi', 'kill', 'k', 'gone', ...FILES)
  assert.match(
    killed.output,
    new RegExp(`> gone@${HOST}: DOWN\\nSending KILL to node k@${HOST} \\(${pid}\\)\\n`),
  )
  assert.equal(killed.code, 0)
  await eventually(() => !isAlive(pid))
  const stopped = await place.run('multi', 'stop', 'k', ...FILES)
  assert.match(stopped.output, new RegExp(`Could not signal k@${HOST} \\(${pid}\\): No such process\\n`))
  assert.match(stopped.output, new RegExp(`> k@${HOST}: DOWN\\n`))
})

test('a worker that cannot start fails its node, and says why [6-064 6-015]', async (t) => {
  const place = cliPlace(t)
  writeFileSync(place.file('broken.ts'), 'throw new Error("no luck")')
  const { code, output } = await place.withoutApp(
    '-A',
    'broken',
    'multi',
    'start',
    'x',
    '--verbose',
    ...FILES,
  )
  assert.equal(code, 1)
  assert.match(output, /worker --detach/)
  assert.match(output, /no luck/)
  assert.match(output, /\* Child terminated with exit code 2\nFAILED\n/)
})
