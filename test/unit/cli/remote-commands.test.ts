import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { runProgram } from '../../../src/cli/program.ts'
import { noReplies } from '../../../src/cli/remote-replies.ts'
import { Celery } from '../../../src/index.ts'
import type { ControlRequest } from '../../../src/protocol/control.ts'
import type { ControlNode } from '../../support/control-node.ts'
import { startControlNode } from '../../support/control-node.ts'
import { folderWith, testIo } from './fake-app.ts'

const APP = new URL('../../../src/index.ts', import.meta.url).href

interface Place {
  /** Runs `celery -A … <words>`. */
  run(...words: readonly string[]): Promise<{ code: number; output: string; errors: string }>
  /** A worker that answers so. */
  node(name: string, answer: (request: ControlRequest) => unknown): Promise<ControlNode>
}

/** An app in a module, on a broker in memory. */
function place(t: TestContext): Place {
  const file = join(
    folderWith(t, {
      'app.ts': `import { Celery } from '${APP}'
        export const app = new Celery('t', { broker: 'memory://' + import.meta.url, backend: 'cache+memory://' })`,
    }),
    'app.ts',
  )
  return {
    async run(...words) {
      const io = testIo()
      const code = await runProgram(['-A', file, ...words], io)
      return { code, output: io.output(), errors: io.errors() }
    },
    async node(name, answer) {
      const { app }: { app: unknown } = await import(pathToFileURL(file).href)
      assert.ok(app instanceof Celery)
      return startControlNode(t, app, { name, answer })
    },
  }
}

suite('celery inspect and control', () => {
  test('print each reply and how many there were [6-028]', async (t) => {
    const { run, node } = place(t)
    const answers: Readonly<Record<string, unknown>> = {
      ping: { ok: 'pong' },
      clock: { clock: 7 },
      revoked: [],
      registered: ['a', 'b'],
      active: [{ id: 'x', args: [1, null, true] }],
      memsample: '47MB',
      conf: { b: [1], a: { d: 1, c: null } },
      stats: { error: 'no\nway' },
    }
    await node('w@h', ({ method }) => answers[method])
    const inspect = async (command: string): Promise<string> => {
      const { code, output } = await run('inspect', command, '-d', 'w@h')
      assert.equal(code, 0)
      return output
    }
    const block = (status: string, body: string): string => `->  w@h: ${status}\n${body}\n\n1 node online.\n`
    assert.equal(await inspect('ping'), block('OK', '        pong'))
    assert.equal(await inspect('clock'), block('OK', '    {\n        "clock": 7\n    }'))
    assert.equal(await inspect('revoked'), block('OK', '    - empty -'))
    assert.equal(await inspect('registered'), block('OK', '    * a\n    * b'))
    assert.equal(await inspect('active'), block('OK', "    * {'id': 'x', 'args': [1, None, True]}"))
    assert.equal(await inspect('memsample'), block('OK', '    47MB'))
    assert.equal(await inspect('stats'), block('ERROR', '        no\n        way'))
    assert.match(await inspect('conf'), /"a": \{\n {12}"c": null,\n {12}"d": 1\n {8}\},\n {8}"b": \[\n/)
  })

  test('hand on arguments by their names [6-028]', async (t) => {
    const { run, node } = place(t)
    const { received } = await node('w@h', ({ arguments: given }) => ({ ok: given }))
    const send = async (...words: readonly string[]): Promise<unknown> => {
      assert.equal((await run(...words, '-d', 'w@h')).code, 0)
      return received.at(-1)?.request.arguments
    }
    assert.deepEqual(await send('control', 'rate_limit', 't.add', '5/m'), {
      task_name: 't.add',
      rate_limit: '5/m',
    })
    assert.deepEqual(await send('control', 'time_limit', 't.add', '1.5'), { task_name: 't.add', soft: 1.5 })
    assert.deepEqual(await send('control', 'pool_grow', '2'), { n: 2 })
    assert.deepEqual(await send('control', 'terminate', 'SIGKILL', 'a', 'b'), {
      signal: 'SIGKILL',
      task_id: ['a', 'b'],
    })
    assert.deepEqual(await send('inspect', 'registered'), { taskinfoitems: [] })
    assert.deepEqual(await send('inspect', 'conf', 'yes'), { with_defaults: true })
    assert.deepEqual(await send('inspect', 'query_task', 'a', 'b'), { ids: ['a', 'b'] })
  })

  test('print JSON for programs [6-028] [6-029]', async (t) => {
    const { run, node } = place(t)
    await node('w@h', () => ({ ok: 'pong' }))
    const inspected = await run('inspect', 'ping', '-j', '-d', 'w@h')
    assert.deepEqual(JSON.parse(inspected.output), { 'w@h': { ok: 'pong' } })
    const controlled = await run('control', 'enable_events', '--json', '-d', 'w@h')
    assert.deepEqual(JSON.parse(controlled.output), [{ 'w@h': { ok: 'pong' } }])
    const [line, ...more] = (await run('status', '-j', '-d', 'w@h')).output.split('\n')
    assert.deepEqual(JSON.parse(line ?? ''), { 'w@h': { ok: 'pong' } })
    assert.deepEqual(more, ['', '1 node online.', ''])
  })

  test('end with 69 when nobody replies [6-028] [6-029]', async (t) => {
    const { run } = place(t)
    for (const words of [['inspect', 'ping'], ['control', 'shutdown'], ['status']]) {
      const { code, output, errors } = await run(...words, '-t', '10ms')
      assert.equal(code, 69)
      assert.equal(output, '')
      assert.equal(errors, 'Error: No nodes replied within time constraint\n')
    }
  })

  test('say which broker was asked when nobody has named one', () => {
    const messageOf = (options: { readonly broker?: string }): string =>
      noReplies(new Celery('t', { ...options, setAsCurrent: false })).message
    assert.match(
      messageOf({}),
      /constraint\nNo broker is configured, so the embedded one was asked \(.*celery\.sqlite3\)\. .*celery -b <url>/,
    )
    for (const broker of ['sqlite://', 'memory://']) {
      assert.equal(messageOf({ broker }), 'Error: No nodes replied within time constraint')
    }
  })

  test('list the commands with their arguments [6-028]', async (t) => {
    const { run } = place(t)
    const { code, output } = await run('inspect', '--list')
    assert.equal(code, 0)
    assert.match(output, /^Inspect Commands:\n {2}active {26}\S/)
    assert.match(output, /^ {2}registered \[attr1 \[attr2 \[... \[attrN\]\]\]\]\n {34}\S/m)
    assert.doesNotMatch(output, /hello|shutdown/)
    assert.match((await run('control', '--list')).output, /^ {2}cancel_consumer <queue> +\S/m)
  })

  test('wrong words end with 2, and nothing is sent [6-028]', async (t) => {
    const { run, node } = place(t)
    const { received } = await node('w@h', () => ({ ok: 'pong' }))
    const complaints: Readonly<Record<string, RegExp>> = {
      inspect: /^Error: Missing argument 'COMMAND'/,
      'inspect pingg': /^Error: Command pingg not recognized.*"ping".*Available inspect commands: active, /,
      'inspect shutdown': /not recognized \(did you mean "celery control shutdown"\?\)/,
      'control rate_limit t.add': /takes arguments: <task_name> <rate_limit/,
      'control rate_limit t.add 1/s more': /takes arguments: <task_name> <rate_limit/,
      'control shutdown now': /^Error: Command 'shutdown' takes no arguments/,
      'control election': /send it by app\.control/,
      'control revoke': /takes arguments: \[id1/,
      'control pool_grow many': /n must be a whole number, not 'many'/,
      'control time_limit t.add soon': /soft must be a number/,
      'inspect conf perhaps': /with_defaults must be yes or no/,
      'status -d ,': /Give the names of workers/,
    }
    for (const [words, complaint] of Object.entries(complaints)) {
      const { code, errors } = await run(...words.split(' '))
      assert.equal(code, 2, words)
      assert.match(errors, complaint)
    }
    assert.equal(received.length, 0)
  })
})

suite('celery status', () => {
  test('shows who is online, and nothing else [6-029]', async (t) => {
    const { run, node } = place(t)
    await node('a@h', () => ({ ok: 'pong' }))
    await node('b@h', () => ({ ok: 'pong' }))
    const { code, output } = await run('status', '-d', 'a@h,b@h')
    assert.equal(code, 0)
    assert.deepEqual(output.split('\n').toSorted(), ['', '', '->  a@h: OK', '->  b@h: OK', '2 nodes online.'])
    assert.equal((await run('-q', 'status', '-d', 'a@h')).output, ' a@h: OK\n')
  })
})
