import assert from 'node:assert/strict'
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'
import type { Backend, BackendOptions } from '../../src/backends/backend.ts'
import { createBackend } from '../../src/backends/create-backend.ts'
import { createFilesystemBackend } from '../../src/backends/filesystem.ts'
import { BackendError, BackendGetMetaError, ImproperlyConfigured } from '../../src/errors.ts'
import { JsonSerializer } from '../../src/messaging/serialization/json.ts'
import type { ResultMeta } from '../../src/protocol/result-meta.ts'
import { exerciseBackend } from '../../src/testing/conformance/backend.ts'
import { backendOptions, KEEP, resultMeta } from '../../src/testing/conformance/backend-session.ts'
import { isRecord } from '../../src/util/is-record.ts'
import { eventually } from '../support/eventually.ts'
import { tempDir } from '../support/temp-dir.ts'
import { onEnd } from './fixtures/on-end.ts'

const folder = tempDir()

for (const [name, transportOptions] of [
  ['file', {}],
  ['file that is polled', { polling_interval: 0.01, global_keyprefix: 'polled' }],
] as const) {
  exerciseBackend({
    name,
    features: { persistent: true, autoExpire: false, nativeJoin: false, groups: true },
    chords: false,
    create: (_t, overrides) =>
      createFilesystemBackend(backendOptions(`file://${folder}`, { transportOptions, ...overrides })),
  })
}

const json = new JsonSerializer()

async function open(t: TestContext, dir: string, overrides: Partial<BackendOptions> = {}): Promise<Backend> {
  const backend = await createBackend(backendOptions(`file://localhost${dir}`, { codec: json, ...overrides }))
  onEnd(t, () => backend.close())
  return backend
}

interface GoldenFile {
  readonly name: string
  readonly content: string
}

function golden(): readonly { readonly name: string; readonly files: readonly GoldenFile[] }[] {
  const path = new URL('../wire/vectors/results-filesystem.json', import.meta.url)
  const document: unknown = JSON.parse(readFileSync(path, 'utf8'))
  assert.ok(isRecord(document) && Array.isArray(document['entries']))
  return document['entries']
}

function filesOf(dir: string): readonly GoldenFile[] {
  return readdirSync(dir).map((name) => ({ name, content: readFileSync(join(dir, name), 'utf8') }))
}

/** The same up to the spaces that Python puts behind commas and colons; the order of keys counts. */
function compact({ name, content }: GoldenFile): GoldenFile {
  return { name, content: JSON.stringify(JSON.parse(content)) }
}

// Python's workers and ours share one folder.
suite('files as Celery writes them [4-045] [4-046] [4-082]', () => {
  for (const { name, files } of golden()) {
    for (const [index, file] of files.entries()) {
      test(`${name} #${index}`, async (t) => {
        const [theirs, ours] = [tempDir(t), tempDir(t)]
        writeFileSync(join(theirs, file.name), file.content)
        const [reader, writer] = [await open(t, theirs), await open(t, ours)]
        const [, kind, id = ''] = /^celery-(task|taskset)-meta-(.+)$/.exec(file.name) ?? []
        if (kind === 'taskset') {
          const group = await reader.groups?.load(id)
          assert.ok(group)
          await writer.groups?.save(id, group, KEEP)
        } else {
          const [meta] = await reader.load([id])
          assert.ok(meta)
          await writer.save(meta, KEEP)
        }
        assert.deepEqual(filesOf(ours).map(compact), [compact(file)])
      })
    }
  }
})

// Beat cleans up every night; other people's files may lie in the folder.
test('cleaning up removes what is older than resultExpires, by its file [4-061] [4-082]', async (t) => {
  const dir = tempDir(t)
  const [backend, endless] = [await open(t, dir, { expires: 60_000 }), await open(t, dir)]
  const [old, fresh] = [resultMeta(), resultMeta()]
  await backend.save(old, KEEP)
  await backend.save(fresh, KEEP)
  await backend.groups?.save('g', [['g', null], []], KEEP)
  writeFileSync(join(dir, 'notes.txt'), 'not ours')
  writeFileSync(join(dir, '.celeriac-unfinished'), 'half')
  const past = new Date(Date.now() - 7_200_000)
  const aged = [
    `celery-task-meta-${old.task_id}`,
    'celery-taskset-meta-g',
    'notes.txt',
    '.celeriac-unfinished',
  ]
  for (const name of aged) utimesSync(join(dir, name), past, past)
  await endless.cleanup?.()
  assert.equal((await backend.load([old.task_id])).length, 1)
  await backend.cleanup?.()
  assert.deepEqual(readdirSync(dir).sort(), [`celery-task-meta-${fresh.task_id}`, 'notes.txt'])
})

// A missing folder is noticed at the start, not with the first result.
test('a folder that is not there, and none at all, are told of at the start [4-082]', async (t) => {
  const missing = join(tempDir(t), 'missing')
  for (const url of [`file://${missing}`, 'file://', 'file://localhost']) {
    await assert.rejects(
      createBackend(backendOptions(url)),
      (error: unknown) =>
        error instanceof ImproperlyConfigured && /cannot hold results|names no folder/.test(error.message),
      url,
    )
  }
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('.')),
    [],
    'no test file stays',
  )
})

// Ids come with messages, from anybody.
test('no id leads out of the folder [4-082]', async (t) => {
  const backend = await open(t, tempDir(t))
  for (const id of ['/../../../etc/passwd', 'a/b', 'a\0b']) {
    await assert.rejects(backend.load([id]), BackendError)
    await assert.rejects(backend.save(resultMeta({ task_id: id }), KEEP), BackendError)
    await assert.rejects(backend.forget([id]), BackendError)
  }
})

// Celery opens a file, which empties it, and writes then.
test('a file that is still empty is no result yet; garbage is an error', async (t) => {
  const dir = tempDir(t)
  const backend = await open(t, dir)
  const meta = resultMeta()
  const path = join(dir, `celery-task-meta-${meta.task_id}`)
  const reported: ResultMeta[] = []
  const watch = backend.watch?.((each) => reported.push(each))
  await watch?.add([meta.task_id])
  writeFileSync(path, '')
  assert.deepEqual(await backend.load([meta.task_id]), [undefined])
  writeFileSync(path, '{"sta')
  await assert.rejects(backend.load([meta.task_id]), BackendGetMetaError)
  writeFileSync(path, JSON.stringify(meta))
  await eventually(() => reported.length > 0)
  assert.deepEqual(reported.at(-1), meta)
})
