import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkArchitecture, checkLengths } from '../../../scripts/check-architecture.ts'

function faults(sources: Record<string, string>): string[] {
  return checkArchitecture(new Map(Object.entries(sources)))
}

test('arrows that point down, and files of one room, are in order', () => {
  assert.deepEqual(
    faults({
      'errors.ts': '',
      'util/url.ts': "import { TaskError } from '../errors.ts'\n",
      'messaging/transport.ts': "import { parse } from '../util/url.ts'\nimport './virtual/channel.ts'\n",
      'messaging/virtual/channel.ts': "import { parse } from '../../util/url.ts'\n",
      'messaging/transports/redis.ts': "import type { Transport } from '../transport.ts'\n",
      'index.ts': "export { parse } from './util/url.ts'\n",
      'cli/main.ts': "import manifest from '../../package.json' with { type: 'json' }\n",
    }),
    [],
  )
})

test('an import of a higher room is named with file, line, import and remedy', () => {
  assert.deepEqual(
    faults({ 'task/task.ts': "\nimport {\n  app,\n} from '../app/celery.ts'\n", 'app/celery.ts': '' }),
    [
      'src/task/task.ts:2: imports src/app/celery.ts, but app stands above task. ' +
        'Declare the port in task, or move the shared part below.',
    ],
  )
})

test('types, re-exports, side effects and dynamic imports count', () => {
  const ways = [
    "import type { A } from '../app/a.ts'",
    "export type { A } from '../app/a.ts'",
    "export * from '../app/a.ts'",
    "import '../app/a.ts'",
    "const a = await import('../app/a.ts')",
    "type A = import('../app/a.ts').A",
  ]
  for (const way of ways) {
    assert.equal(faults({ 'task/task.ts': way }).length, 1, way)
  }
})

test('what comments and strings say does not count', () => {
  const text = [
    "// import { a } from '../app/a.ts'",
    "/* see import('../app/a.ts') */",
    "const glob = '**/*.ts'",
    "const url = 'http://host/*x'",
  ]
  assert.deepEqual(faults({ 'task/task.ts': text.join('\n') }), [])
})

test('rooms of one rank do not know each other', () => {
  const found = faults({ 'protocol/message.ts': "import { b } from '../messaging/b.ts'\n" })
  assert.match(found.join(), /src\/protocol\/message\.ts:1: .*messaging stands beside protocol/)
})

test('the transports stand above messaging, though their folder lies in it', () => {
  const found = faults({ 'messaging/connection.ts': "import { redis } from './transports/redis.ts'\n" })
  assert.match(found.join(), /messaging\/transports stands above messaging/)
})

test('errors.ts imports nothing', () => {
  assert.match(
    faults({ 'errors.ts': "import { a } from './util/a.ts'\n" }).join(),
    /util stands above errors\.ts/,
  )
})

test('nobody imports an entry, another entry neither', () => {
  assert.match(
    faults({ 'cli/main.ts': "import { Celery } from '../index.ts'\n" }).join(),
    /an entry of the package/,
  )
  assert.match(
    faults({ 'worker.ts': "import { Celery } from './index.ts'\n" }).join(),
    /an entry of the package/,
  )
})

test('an import from outside of src is refused', () => {
  assert.match(faults({ 'cli/main.ts': "import { a } from '../../test/a.ts'\n" }).join(), /outside src/)
})

test('a folder without a rank and a vague name are told', () => {
  assert.match(faults({ 'attic/box.ts': '' }).join(), /has no rank/)
  assert.match(faults({ 'task/helpers.ts': '' }).join(), /the name says nothing/)
})

test('a file that is too long is told, wherever it is', () => {
  const long = checkLengths(new Map([['test/unit/a.test.ts', 'x\n'.repeat(501)]]))
  assert.deepEqual(long, ['test/unit/a.test.ts: 501 lines, the limit is 500. Split it by what it tells.'])
  assert.deepEqual(checkLengths(new Map([['src/util/url.ts', 'x\n'.repeat(500)]])), [])
})

test('circles are found inside a room, of types too, each once', () => {
  const found = faults({
    'util/a.ts': "import type { B } from './b.ts'\n",
    'util/b.ts': "import { c } from './c.ts'\nimport { d } from './d.ts'\n",
    'util/c.ts': "import { a } from './a.ts'\n",
    'util/d.ts': "import { e } from './e.ts'\n",
    'util/e.ts': '',
    'util/self.ts': "import { self } from './self.ts'\n",
  })
  assert.equal(found.length, 2)
  assert.match(found[0] ?? '', /import circle util\/a\.ts → util\/b\.ts → util\/c\.ts → util\/a\.ts/)
  assert.match(found[1] ?? '', /import circle util\/self\.ts → util\/self\.ts/)
})
