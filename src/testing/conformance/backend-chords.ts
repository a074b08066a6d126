import assert from 'node:assert/strict'
import type { ChordStore } from '../../backends/backend.ts'
import { uuid } from '../../util/uuid.ts'
import type { BackendSubject, BackendTest } from './backend-session.ts'
import { chordPart, KEEP } from './backend-session.ts'

const NO_SIZE = { expires: undefined, size: undefined }

type ChordTest = (title: string, body: (chords: ChordStore, other: ChordStore) => Promise<void>) => void

/** Chords: the body runs once, after the last part, and gets all of them in order. */
export function exerciseBackendChords({ chords = true }: BackendSubject, check: BackendTest): void {
  if (!chords) return
  const checkChords: ChordTest = (title, body) => {
    check(title, async (session) => {
      const [one, other] = [await session.backend(), await session.backend()]
      assert.ok(one.chords && other.chords, 'the backend should have chords')
      await body(one.chords, other.chords)
    })
  }
  exerciseCounting(checkChords)
  exerciseDuplicates(checkChords)
}

function exerciseCounting(check: ChordTest): void {
  // The plain case: parts come one by one, the size comes with them.
  check('a chord is complete with its last part [4-052]', async (chords) => {
    const id = uuid()
    const size = { expires: undefined, size: 3 }
    const parts = [chordPart(2), chordPart(0, { result: null }), chordPart(1, { result: { a: ['snö'] } })]
    const answers = []
    for (const part of parts) answers.push(await chords.add(id, part, size))
    assert.deepEqual(answers, [
      { complete: false, count: 1, size: 3 },
      { complete: false, count: 2, size: 3 },
      { complete: true, count: 3, size: 3 },
    ])
    assert.deepEqual(
      await chords.collect(id),
      parts.toSorted((one, other) => one.index - other.index),
    )
  })

  // The smallest chord.
  check('a chord of one part', async (chords) => {
    const id = uuid()
    await chords.setSize(id, 1, KEEP)
    assert.equal((await chords.add(id, chordPart(0), NO_SIZE)).complete, true)
  })

  // The producer tells the size, perhaps after the first parts are done.
  check('the size may be told after the first parts', async (chords, other) => {
    const id = uuid()
    assert.deepEqual(await other.add(id, chordPart(0), NO_SIZE), {
      complete: false,
      count: 1,
      size: undefined,
    })
    await chords.setSize(id, 3, KEEP)
    assert.equal((await other.add(id, chordPart(1), NO_SIZE)).complete, false)
    assert.equal((await other.add(id, chordPart(2), NO_SIZE)).complete, true)
  })

  // A running member adds others to its chord.
  check('a chord that grows waits for more parts', async (chords, other) => {
    if (chords.grow === undefined) return
    const id = uuid()
    await chords.setSize(id, 1, KEEP)
    await chords.grow(id, 2, KEEP)
    assert.deepEqual(await other.add(id, chordPart(0), NO_SIZE), { complete: false, count: 1, size: 3 })
    assert.equal((await other.add(id, chordPart(0, { id: uuid() }), NO_SIZE)).complete, false)
    assert.equal((await chords.add(id, chordPart(0, { id: uuid() }), NO_SIZE)).complete, true)
    await chords.forget(id)
    await chords.setSize(id, 1, KEEP)
    assert.equal((await chords.add(id, chordPart(0), NO_SIZE)).complete, true)
  })

  // Members that failed count, and the body's errback learns of them.
  check('failed parts count', async (chords) => {
    const id = uuid()
    const failure = { exc_type: 'ValueError', exc_message: ['no'], exc_module: 'builtins' }
    const parts = [chordPart(0), chordPart(1, { state: 'FAILURE', result: failure })]
    await chords.setSize(id, 2, KEEP)
    for (const part of parts) await chords.add(id, part, NO_SIZE)
    assert.deepEqual(await chords.collect(id), parts)
  })

  // When the body is on its way nothing must stay behind.
  check('a forgotten chord leaves nothing', async (chords) => {
    const id = uuid()
    await chords.setSize(id, 2, KEEP)
    await chords.add(id, chordPart(0), NO_SIZE)
    await chords.forget(id)
    assert.deepEqual(await chords.collect(id), [])
    assert.deepEqual(await chords.add(id, chordPart(1), NO_SIZE), {
      complete: false,
      count: 1,
      size: undefined,
    })
  })

  // Chords do not see each other.
  check('chords are counted apart', async (chords) => {
    const [one, two] = [uuid(), uuid()]
    const size = { expires: undefined, size: 2 }
    await chords.add(one, chordPart(0), size)
    assert.equal((await chords.add(two, chordPart(0), size)).complete, false)
    assert.equal((await chords.add(one, chordPart(1), size)).complete, true)
    assert.equal((await chords.collect(two)).length, 1)
  })
}

function exerciseDuplicates(check: ChordTest): void {
  // Workers finish at the same moment; one of them starts the body.
  check('of parts that come at once exactly one completes the chord', async (chords, other) => {
    const id = uuid()
    const parts = Array.from({ length: 60 }, (_, index) => chordPart(index))
    await chords.setSize(id, parts.length, KEEP)
    const answers = await Promise.all(
      parts.map((part, index) => (index % 2 === 0 ? chords : other).add(id, part, NO_SIZE)),
    )
    assert.equal(answers.filter(({ complete }) => complete).length, 1)
    assert.deepEqual(await other.collect(id), parts)
  })

  // A task may be delivered twice.
  check('a part that comes twice counts once', async (chords, other) => {
    const id = uuid()
    const [first, second] = [chordPart(0), chordPart(1)]
    const size = { expires: undefined, size: 2 }
    await chords.add(id, first, size)
    assert.deepEqual(await other.add(id, first, size), { complete: false, count: 1, size: 2 })
    assert.equal((await chords.add(id, second, size)).complete, true)
    assert.deepEqual(await chords.collect(id), [first, second])
  })

  // Old clients do not say which place a part has, and tasks return what they like, such as the id of another.
  check('parts in the same place are told apart, whatever their results say', async (chords) => {
    const id = uuid()
    const size = { expires: undefined, size: 2 }
    const late = chordPart(0)
    await chords.add(id, chordPart(0, { result: late.id }), size)
    assert.deepEqual(await chords.add(id, late, size), { complete: true, count: 2, size: 2 })
  })

  // The worker of the last part died before it had sent the body: its message is delivered again. Others were heard.
  check('the part that completed a chord completes it again until it is forgotten', async (chords, other) => {
    const id = uuid()
    const [first, second] = [chordPart(0), chordPart(1)]
    const size = { expires: undefined, size: 2 }
    await chords.add(id, first, size)
    assert.equal((await chords.add(id, second, size)).complete, true)
    assert.equal((await other.add(id, first, size)).complete, false)
    assert.deepEqual(await other.add(id, second, size), { complete: true, count: 2, size: 2 })
    assert.deepEqual(await other.collect(id), [first, second])
    await other.forget(id)
    assert.equal((await chords.add(id, second, size)).complete, false)
  })

  // Everything at once, and everything twice.
  check('duplicates in a crowd', async (chords, other) => {
    const id = uuid()
    const parts = Array.from({ length: 20 }, (_, index) => chordPart(index))
    const size = { expires: undefined, size: parts.length }
    const answers = await Promise.all(
      [...parts, ...parts].map((part, index) => (index % 3 === 0 ? chords : other).add(id, part, size)),
    )
    assert.ok(answers.some(({ complete }) => complete))
    assert.deepEqual(await chords.collect(id), parts)
  })
}
