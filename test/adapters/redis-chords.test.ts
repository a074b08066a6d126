/** Chords in Redis whose size Python's workers have changed. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ChordStore } from '../../src/backends/backend.ts'
import { createRedisBackend } from '../../src/backends/redis/backend.ts'
import { backendOptions, chordPart } from '../../src/testing/conformance/backend-session.ts'
import { openTestConnection } from '../support/redis-store.ts'
import { needs } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'
import { onEnd } from './fixtures/on-end.ts'

const OPTIONS = { expires: 60_000, size: undefined }
const leaf = (id: string) => [[id, null], null]

/** A chord whose header is `a`, a chain that ends in a group of `b` and `c`, and `d`. */
async function beginChord(chords: ChordStore | undefined): Promise<(id: string) => Promise<boolean>> {
  await chords?.setSize('g', 4, OPTIONS)
  return async (id) =>
    (await chords?.add('g', { ...chordPart('abcd'.indexOf(id)), id }, OPTIONS))?.complete === true
}

suite('a group of the header that a worker of Python sends', needs('redis-server'), () => {
  for (const ordered of [true, false]) {
    test(`does not make its size that of the chord, ordered: ${ordered} [3-146, 4-068]`, async (t) => {
      const server = await startRedis(t)
      const redis = await openTestConnection(t, server.url)
      const transportOptions = { result_chord_ordered: ordered }
      const backend = await createRedisBackend(backendOptions(server.url, { transportOptions }))
      onEnd(t, () => backend.close())
      const inner = [
        ['g', null],
        [leaf('b'), leaf('c')],
      ]
      await backend.groups?.save(
        'g',
        [
          ['g', null],
          [leaf('a'), inner, leaf('d')],
        ],
        OPTIONS,
      )
      for (const [early, late] of [
        [['a'], ['d', 'b', 'c']],
        [
          ['a', 'd'],
          ['b', 'c'],
        ],
        [['a', 'd', 'b'], ['c']],
      ]) {
        const add = await beginChord(backend.chords)
        for (const id of early ?? []) assert.equal(await add(id), false, id)
        await redis.send('SET', 'celery-taskset-meta-g.s', 2)
        for (const id of late ?? []) assert.equal(await add(id), id === 'c', `${early}, then ${id}`)
        // The last part comes again, as when its worker dies before the body is sent.
        assert.equal(await add('c'), true)
        assert.equal(await add('b'), false)
        await backend.chords?.forget('g')
      }
    })
  }
})
