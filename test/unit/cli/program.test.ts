import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { runProgram } from '../../../src/cli/program.ts'
import type { TestIo } from './fake-app.ts'
import { folderWith, testIo } from './fake-app.ts'

interface Run extends TestIo {
  readonly code: number
}

async function run(argv: readonly string[], io: TestIo = testIo()): Promise<Run> {
  return { ...io, code: await runProgram(argv, io) }
}

/** A module with a fake app, and the calls that commands made of it. */
async function appModule(t: TestContext): Promise<{ path: string; calls: () => Promise<unknown> }> {
  const path = join(folderWith(t, { 'tasks.ts': 'export const app = APP(tasks)' }), 'tasks.ts')
  return { path, calls: async () => (await import(pathToFileURL(path).href)).app.calls }
}

test('without a command there is help, and all is well [6-016]', async () => {
  const { code, output, errors } = await run([])
  assert.equal(code, 0)
  assert.match(output(), /^Usage: celery \[options\] <command>/)
  for (const command of ['worker', 'inspect', 'control', 'status', 'call', 'result', 'purge', 'report']) {
    assert.match(output(), new RegExp(`^ {2}${command} `, 'm'))
  }
  assert.equal(errors(), '')
})

test('every command has help', async () => {
  for (const command of ['worker', 'inspect', 'control', 'status', 'call', 'result', 'purge', 'report']) {
    const { code, output, errors } = await run([command, '--help'])
    assert.equal(code, 0)
    assert.match(output(), new RegExp(`^Usage: celery ${command}`))
    assert.match(output(), new RegExp(`CELERY_${command.toUpperCase()}_<OPTION>`))
    assert.equal(errors(), '')
  }
})

test('the version has the name of the series and says what it speaks [6-009]', async () => {
  const { code, output } = await run(['--version'])
  assert.equal(code, 0)
  assert.match(output(), /^\d+\.\d+\.\d+\S* \(\w+\)\nspeaks the message protocols 1 and 2 of Celery 5\.6\n$/)
})

test('an unknown command is named, with what may have been meant [6-017]', async () => {
  const { code, errors } = await run(['wroker'])
  assert.equal(code, 2)
  assert.match(errors(), /There is no command 'wroker' \(did you mean "worker"\?\)/)
})

test('so is an unknown word of amqp, before anything is connected [6-041]', async () => {
  const { code, errors } = await run(['amqp', 'queue.declar', 'celery'])
  assert.equal(code, 2)
  assert.match(errors(), /^amqp: there is no command 'queue\.declar' \(did you mean "queue\.declare"\?\)/)
})

test('a global option behind the command is explained [6-014, 12-037]', async () => {
  for (const words of [['-A', 'tasks'], ['--app=tasks'], ['--broker', 'redis://']]) {
    const { code, errors } = await run(['worker', ...words])
    assert.equal(code, 2)
    assert.match(errors(), /is an option of the program and stands before the command \(since Celery 5\.0\)/)
    assert.match(errors(), /Usage: celery worker/)
  }
  const { code, errors } = await run(['call', '--nonsense', 'x'])
  assert.equal(code, 2)
  assert.match(errors(), /unknown option '--nonsense'/)
  assert.doesNotMatch(errors(), /before the command/)
})

test('so is an option of a command in front of it [6-014]', async () => {
  const { code, errors } = await run(['-A', 'tasks', '-l', 'INFO', 'worker'])
  assert.equal(code, 2)
  assert.match(errors(), /unknown option '-l'\n-l is an option of worker .*:\n {2}celery … worker -l …\n/)
})

test('an app that cannot be loaded ends the command with 2 and without a stack [6-015, 6-017]', async () => {
  const { code, errors } = await run(['-A', '/nowhere/at/all', 'report'])
  assert.equal(code, 2)
  assert.match(errors(), /^Unable to load celery application\.\nThere is no module \/nowhere\/at\/all/)
  assert.doesNotMatch(errors(), /^\s+at /m)
})

test('errors are shown with their stack when that is asked for [6-070]', async () => {
  assert.match((await run(['--traceback', '-A', '/nowhere', 'report'])).errors(), /^\s+at /m)
  const traced = testIo({ CELERY_TRACE_APP: '1' })
  assert.match((await run(['-A', '/nowhere', 'report'], traced)).errors(), /^\s+at /m)
})

test('call sends a task and prints its id [6-033]', async (t) => {
  const { path, calls } = await appModule(t)
  const argv = [
    'call',
    'tasks.add',
    '-a',
    '[4, 4]',
    '-k',
    '{"x": 1}',
    '--countdown',
    '10',
    '--queue',
    'hipri',
  ]
  const { code, output } = await run(['-A', path, ...argv])
  assert.equal(code, 0)
  assert.equal(output(), 'id-of-tasks\n')
  assert.deepEqual(await calls(), [
    ['sendTask', 'tasks.add', [4, 4], { x: 1 }, { countdown: '10', queue: 'hipri' }],
    ['close'],
  ])
})

test('call says what does not fit the task, and not where it was noticed [6-033]', async (t) => {
  const index = new URL('../../../src/index.ts', import.meta.url).href
  const folder = folderWith(t, {
    'tasks.ts': `import { Celery } from '${index}'
      export const app = new Celery('t', { broker: 'memory://', backend: 'cache+memory://', setAsCurrent: false })
      app.task('t.add', { params: ['x', 'y'] }, (x, y) => x + y)`,
  })
  const { code, errors } = await run(['-A', `${folder}/tasks.ts`, 'call', 't.add', '-k', '{"x": 1, "z": 2}'])
  assert.equal(code, 1)
  assert.match(errors(), /^TypeError: t\.add\(\) got an unexpected named argument 'z'[^\n]*\n$/)
})

test('call takes moments and seconds, and routing [6-033]', async (t) => {
  const { path, calls } = await appModule(t)
  const times = ['--eta', '2030-01-02T03:04:05Z', '--expires', '60.5', '--serializer', 'yaml']
  await run(['-A', path, 'call', 't', ...times, '--exchange', 'e', '--routing-key', 'r'])
  const options = {
    eta: new Date('2030-01-02T03:04:05Z'),
    expires: 60.5,
    serializer: 'yaml',
    exchange: 'e',
    routingKey: 'r',
  }
  assert.deepEqual(await calls(), [['sendTask', 't', [], {}, options], ['close']])
})

test('call refuses what is no JSON, and what is no name [6-033, 6-017]', async (t) => {
  const { path, calls } = await appModule(t)
  const wrong = [
    { argv: ['t', '-a', '{}'], message: /Give a list in JSON/ },
    { argv: ['t', '-a', '[4'], message: /Give a list in JSON/ },
    { argv: ['t', '-k', '[]'], message: /Give a dict in JSON/ },
    { argv: ['t', '--eta', 'tomorrow'], message: /Give a moment in ISO 8601/ },
    { argv: ['t', '--countdown', 'ten'], message: /Give seconds/ },
    { argv: [], message: /missing required argument 'name'/ },
  ]
  for (const { argv, message } of wrong) {
    const { code, errors } = await run(['-A', path, 'call', ...argv])
    assert.equal(code, 2)
    assert.match(errors(), message)
  }
  assert.deepEqual(await calls(), [])
})

test('result prints a value or a stack [6-031]', async (t) => {
  const { path, calls } = await appModule(t)
  assert.equal((await run(['-A', path, 'result', 'some-id'])).output(), '{ answer: 42 }\n')
  const { output } = await run(['-A', path, 'result', 'some-id', '--traceback', '-t', 'tasks.add'])
  assert.equal(output(), 'Traceback: boom\n')
  const unknown = await run(['-A', path, 'result', 'some-id', '-t', 'tasks.ad'])
  assert.equal(unknown.code, 1)
  assert.match(unknown.errors(), /There is no task 'tasks\.ad' \(did you mean "tasks\.add"\?\)/)
  assert.equal(JSON.stringify(await calls()).match(/\["asyncResult","some-id"\]/g)?.length, 2)
})

test('purge asks first, and says how much it removed [6-032]', async (t) => {
  const { path, calls } = await appModule(t)
  const { code, output } = await run(['-A', path, 'purge'], testIo({}, ['yes']))
  assert.equal(code, 0)
  assert.match(output(), /WARNING: This will remove all tasks from 2 queues: celery, hipri\./)
  assert.match(output(), /celery: 3 messages\nPurged 3 messages from 2 known task queues\.\n$/)
  assert.match(JSON.stringify(await calls()), /\["purge","celery"\],\["purge","hipri"\]/)
})

test('purge removes nothing unless the answer is yes [6-032]', async (t) => {
  const { path, calls } = await appModule(t)
  for (const [answers, message] of [
    [['no'], /Aborted!/],
    [[''], /Aborted!/],
    [[], /Nobody is there to answer; use -f/],
  ] as const) {
    const { code, errors } = await run(['-A', path, 'purge'], testIo({}, answers))
    assert.equal(code, 1)
    assert.match(errors(), message)
  }
  assert.doesNotMatch(JSON.stringify(await calls()), /"purge"/)
})

test('purge takes the queues that are named, without those that are excluded [6-032]', async (t) => {
  const { path } = await appModule(t)
  const some = await run(['-A', path, 'purge', '-f', '-Q', 'a,b, c', '-X', 'b'])
  assert.equal(some.output(), 'No messages purged from 2 known task queues.\n')
  const one = await run(['-A', path, 'purge', '-f', '-X', 'hipri'])
  assert.equal(one.output(), 'Purged 3 messages from 1 known task queue.\n')
})

test('a list of queues that is empty, as that of an unset variable, does not mean all of them [6-032]', async (t) => {
  const { path, calls } = await appModule(t)
  for (const words of [
    ['purge', '-f', '-Q', ''],
    ['purge', '-f', '-Q', ' , '],
    ['migrate', 'memory://', 'memory://other', '-a', '-Q', ''],
    ['migrate', 'memory://', 'memory://other', '-a', '-T', ''],
  ]) {
    const { code, errors } = await run(['-A', path, ...words])
    assert.equal(code, 2, words.join(' '))
    assert.match(errors(), /is invalid\. Give at least one name; leave the option out for all\./)
  }
  assert.doesNotMatch(JSON.stringify(await calls()), /"purge"/)
})

test('report shows versions, platform and settings without passwords [6-038]', async (t) => {
  const { path } = await appModule(t)
  const { code, output } = await run(['-A', path, 'report'])
  assert.equal(code, 0)
  assert.match(output(), /^software -> celeriac:\S+ .*node:\d+/m)
  assert.match(output(), /^platform -> system:\w+ arch:\w+/m)
  assert.match(output(), /^settings -> transport:redis \(redis:\/\/:\*\*@localhost\) results:disabled$/m)
  assert.match(output(), /^broker_url: 'redis:\/\/:\*{8}@localhost'$/m)
  assert.doesNotMatch(output(), /:secret@/)
})

test('global options are put where the app and child processes find them [6-002..6-005, 6-010]', async (t) => {
  const { path } = await appModule(t)
  const io = testIo()
  const global = [
    '-b',
    'amqp://b',
    '--result-backend',
    'rpc://',
    '--loader',
    'l',
    '--config',
    'c',
    '--skip-checks',
  ]
  assert.equal((await run(['-A', path, ...global, 'report'], io)).code, 0)
  assert.deepEqual(io.environment, {
    CELERY_BROKER_URL: 'amqp://b',
    CELERY_RESULT_BACKEND: 'rpc://',
    CELERY_LOADER: 'l',
    CELERY_CONFIG_MODULE: 'c',
    CELERY_SKIP_CHECKS: 'true',
  })
})

test('the environment stands in for global options, the short names first [6-001..6-007, 12-011]', async (t) => {
  const { path } = await appModule(t)
  const short = testIo({ APP: path, BROKER_URL: 'amqp://short', CELERY_BROKER: 'amqp://long', NO_COLOR: 'x' })
  assert.equal((await run(['report'], short)).code, 0)
  assert.equal(short.environment['CELERY_BROKER_URL'], 'amqp://short')
  const long = testIo({ CELERY_APP: path, CELERY_BROKER: 'amqp://long', APP: '', CONFIG_MODULE: 'm' })
  assert.equal((await run(['report'], long)).code, 0)
  assert.equal(long.environment['CELERY_BROKER_URL'], 'amqp://long')
  assert.equal(long.environment['CELERY_CONFIG_MODULE'], 'm')
  const both = testIo({ APP: '/nowhere' })
  assert.equal((await run(['-A', path, 'report'], both)).code, 0)
})

test('the environment stands in for options of commands [6-011]', async (t) => {
  const { path, calls } = await appModule(t)
  const environment = {
    CELERY_CALL_ARGS: '[1]',
    CELERY_CALL_QUEUE: 'environment',
    CELERY_CALL_ROUTING_KEY: 'key',
    CELERY_CALL_COUNTDOWN: '',
  }
  await run(['-A', path, 'call', 't', '--queue', 'given'], testIo(environment))
  assert.deepEqual(await calls(), [
    ['sendTask', 't', [1], {}, { queue: 'given', routingKey: 'key' }],
    ['close'],
  ])
  const flag = await run(['-A', path, 'purge'], testIo({ CELERY_PURGE_FORCE: 'yes' }))
  assert.match(flag.output(), /^celery: 3 messages/)
  const down = await run(['-A', path, 'purge'], testIo({ CELERY_PURGE_FORCE: '0' }))
  assert.equal(down.code, 1)
})

test('a value in the environment that cannot be is refused by the name of its variable [6-011]', async (t) => {
  const { path } = await appModule(t)
  const list = await run(['-A', path, 'call', 't'], testIo({ CELERY_CALL_ARGS: '[' }))
  assert.equal(list.code, 2)
  assert.match(list.errors(), /CELERY_CALL_ARGS='\[' is invalid\. Give a list in JSON/)
  const flag = await run(['-A', path, 'purge'], testIo({ CELERY_PURGE_FORCE: 'perhaps' }))
  assert.equal(flag.code, 2)
  assert.match(flag.errors(), /CELERY_PURGE_FORCE='perhaps' is neither yes nor no/)
})

test('a working folder is gone to first [6-006]', async (t) => {
  const folder = folderWith(t, { 'tasks.ts': 'export const app = APP(tasks)' })
  const before = process.cwd()
  t.after(() => process.chdir(before))
  assert.equal((await run(['--workdir', folder, '-A', 'tasks', 'report'])).code, 0)
  assert.equal(process.cwd(), folder)
  const { code, errors } = await run(['--workdir', join(folder, 'absent'), 'report'])
  assert.equal(code, 2)
  assert.match(errors(), /--workdir: there is no folder .*absent/)
})

test('settings of a worker that cannot be are refused before it starts [6-024]', async (t) => {
  const { path } = await appModule(t)
  const unknown = await run(['-A', path, 'worker', '.concurency=4'])
  assert.equal(unknown.code, 2)
  assert.match(
    unknown.errors(),
    /there is no setting 'worker_concurency' \(did you mean "worker_concurrency"\?\)/,
  )
  const word = await run(['-A', path, 'worker', '--', 'nonsense'])
  assert.equal(word.code, 2)
  assert.match(word.errors(), /'nonsense' is no setting: write key=value/)
})

test('packages add commands [6-013]', async (t) => {
  const folder = folderWith(t, { 'tasks.ts': 'export const app = APP(tasks)' })
  const write = (file: string, text: string): void => {
    mkdirSync(join(folder, file, '..'), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  write(
    'package.json',
    JSON.stringify({ type: 'module', dependencies: { 'celery-flower': '*', other: '*', absent: '*' } }),
  )
  write('node_modules/other/package.json', '{}')
  const manifest = { name: 'celery-flower', type: 'module', celery: { commands: './commands.js' } }
  write('node_modules/celery-flower/package.json', JSON.stringify(manifest))
  write(
    'node_modules/celery-flower/commands.js',
    `export const commands = [{
      name: 'flower', help: 'Show everything.', arguments: '<place> [more...]',
      options: [{ flags: '--port <number>', help: 'port', group: 'Flower:', parse: Number }],
      run: async ({ app, args, options, echo }) => {
        echo(JSON.stringify([(await app()).main, args, options]))
        return 3
      },
    }]`,
  )
  const before = process.cwd()
  t.after(() => process.chdir(before))
  process.chdir(folder)
  assert.match((await run(['--help'])).output(), /^ {2}flower .*Show everything\.$/m)
  const environment = testIo({ CELERY_FLOWER_PORT: '5555' })
  const { code, output } = await run(['-A', 'tasks', 'flower', 'here', 'a', 'b'], environment)
  assert.equal(output(), '["tasks",["here",["a","b"]],{"port":5555}]\n')
  assert.equal(code, 3)
})

test('a part of a command has its own usage, and a command without one shows its help once [6-016, 6-017]', async () => {
  const missing = await run(['upgrade', 'settings'])
  assert.equal(missing.code, 2)
  assert.match(missing.errors(), /\nUsage: celery upgrade settings \[options\] <filename>\n$/)
  const whole = await run(['list'])
  assert.equal(whole.code, 2)
  assert.equal(whole.errors().match(/Usage:/g)?.length, 1, whole.errors())
  assert.doesNotMatch(whole.errors(), /help \[command\]/)
})
