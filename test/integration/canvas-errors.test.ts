/** What becomes of workflows of which a part fails: who is told, how often, and with which id. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AnySignature } from '../../src/canvas.ts'
import { chain, chord, group } from '../../src/canvas.ts'
import { ChordError, GroupResult } from '../../src/index.ts'
import type { ResultNode } from '../../src/result/ports.ts'
import { testBrokers } from '../support/brokers.ts'
import type { RunningCanvas } from './canvas-app.ts'
import { startCanvasApp } from './canvas-app.ts'

/** Sends, waits for the end and for everything that follows from it; gives the error, the ids and the book. */
async function failing(canvas: RunningCanvas, signature: AnySignature): Promise<Failed> {
  canvas.book.length = 0
  const result = await signature.send([])
  const error: unknown = await result.get({ timeout: 60 }).then(
    (value) => assert.fail(`It came to ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  )
  await canvas.settled()
  assert.ok(error instanceof Error)
  return { error, result, book: [...canvas.book] }
}

interface Failed {
  readonly error: Error
  readonly result: ResultNode
  readonly book: readonly (readonly unknown[])[]
}

/** Of a group: the results of its members. */
function membersOf(result: ResultNode): readonly ResultNode[] {
  assert.ok(result instanceof GroupResult)
  return result.results
}

function told(ids: readonly (string | undefined)[], name = 'tell'): unknown[][] {
  return ids.map((id) => [name, id])
}

const sorted = (entries: readonly (readonly unknown[])[]): unknown[] =>
  entries.map((entry) => JSON.stringify(entry)).toSorted()

for (const kind of testBrokers.filter(({ name }) => name === 'memory' || name === 'redis')) {
  test(`workflows that fail: ${kind.name}`, kind.needs, async (t) => {
    const canvas = await startCanvasApp(t, await kind.open(t))
    const flagged = await startCanvasApp(t, { ...(await kind.open(t)), taskAllowErrorCbOnChordHeader: true })

    await t.test(
      'a group: its errback is called for each that failed, with its id [3-077 3-157 3-150]',
      async () => {
        const { add, fail, tell } = canvas
        for (const [members, failed] of [
          [[fail.s(), add.s(1, 1)], [0]],
          [[add.s(1, 1), fail.s()], [1]],
          [
            [fail.s(), add.s(1, 1), fail.s()],
            [0, 2],
          ],
        ] as const) {
          const { result, book } = await failing(canvas, group(members).linkError(tell.s()))
          const ids = failed.map((index) => membersOf(result)[index]?.id)
          assert.deepEqual(sorted(book), sorted(told(ids)))
          assert.equal(await result.ready(), true)
          // What failed is not kept as a value.
          await assert.rejects(result.get({ timeout: 60 }), { name: 'Broken' })
        }
      },
    )

    await t.test('a callback of a group is called once [3-076 3-156]', async () => {
      const { add, note, book } = canvas
      book.length = 0
      await group([add.s(1, 1), add.s(2, 2)])
        .link(note.si('called'))
        .delay()
        .get({ timeout: 60 })
      await canvas.settled()
      assert.deepEqual(book, [['called']])
    })

    await t.test('callbacks and errbacks of the elements of a chain, each its own [3-142]', async () => {
      const { add, fail, note, tell } = canvas
      const { book, error } = await failing(
        canvas,
        chain([
          add.s(1, 1).link(note.s('first')).linkError(tell.s('of the first')),
          fail.s().link(note.s('never')).linkError(tell.s('of the second')),
          add.s(1).link(note.s('never')).linkError(tell.s('of the third')),
        ]),
      )
      assert.equal(error.name, 'Broken')
      assert.equal(book.length, 2)
      assert.deepEqual(
        book.find(([first]) => first === 2),
        [2, 'first'],
      )
      assert.equal(book.find(([first]) => first !== 2)?.[0], 'of the second')
    })

    await t.test('callbacks and errbacks of the members of a group, each its own [3-158]', async () => {
      const { add, fail, note, tell } = canvas
      const { book, result } = await failing(
        canvas,
        group([
          add.s(1, 1).link(note.s('ok')).linkError(tell.s('never')),
          fail.s().link(note.s('never')).linkError(tell.s('failed')),
        ]),
      )
      assert.deepEqual(
        sorted(book),
        sorted([
          [2, 'ok'],
          ['failed', membersOf(result)[1]?.id],
        ]),
      )
    })

    await t.test(
      'a header that fails: the errback of the chord gets the id of the body, once [3-113 3-176]',
      async () => {
        const { add, sum, fail, tell } = canvas
        const headers: readonly (readonly AnySignature[])[] = [
          [fail.s(), add.s(1, 1)],
          [fail.s(), fail.s(), fail.s()],
          [chain([fail.s(), add.s(1)]), add.s(1, 1)],
          [chain([add.s(1, 1), fail.s()]), add.s(1, 1)],
          [group([add.s(1, 1), fail.s()]), fail.s()],
        ]
        for (const header of headers) {
          const body = sum.s()
          const workflow = canvas.app.pipe(group(header), body)
          workflow.linkError(tell.s()).linkError(tell.si('fixed', 'immutable'))
          const { error, result, book } = await failing(canvas, workflow)
          assert.ok(error instanceof ChordError)
          assert.match(error.message, /^Dependency \S+ raised Broken\('it broke'\)$/)
          assert.deepEqual(sorted(book), sorted([...told([result.id]), ['immutable', 'fixed']]))
        }
      },
    )

    await t.test('a body that fails: the errback gets the id of what failed [3-176]', async () => {
      const { add, fail, tell } = canvas
      const single = await failing(canvas, chord([add.s(1, 1)], fail.s()).linkError(tell.s()))
      assert.deepEqual(single.book, told([single.result.id]))

      const many = chord([add.s(1, 1)], group([fail.s(), add.si(1, 1), fail.s()])).linkError(tell.s())
      const { result, book } = await failing(canvas, many)
      const [first, , third] = membersOf(result)
      assert.deepEqual(sorted(book), sorted(told([first?.id, third?.id])))
    })

    await t.test(
      'a header that fails under a body of any kind: all its results fail [3-108 3-109 3-179]',
      async () => {
        const { add, sum, fail, echo } = canvas
        const header = [fail.s(), add.s(1, 1)]
        const task = await failing(canvas, chord(header, sum.s()))
        assert.ok(task.error instanceof ChordError)

        const inChain = await failing(canvas, chord(header, chain([sum.s(), add.s(1), echo.s()])))
        assert.ok(inChain.error instanceof ChordError)
        assert.equal(await inChain.result.parent?.ready(), true)

        const inGroup = await failing(canvas, chord(header, group([sum.s(), echo.s()])))
        for (const member of membersOf(inGroup.result)) assert.equal(await member.ready(), true)
        assert.equal(inGroup.error.name, 'Broken')

        const inChord = await failing(canvas, chord(header, chord([sum.s(), sum.s()], sum.s())))
        assert.ok(inChord.error instanceof ChordError)
      },
    )

    await t.test('what comes after a chord fails with it [3-116 3-175]', async () => {
      const { add, sum, fail, tell } = canvas
      const workflow = chain([
        add.s(1, 1),
        group([fail.s(), add.s(1)]),
        sum.s(),
        add.s(1),
        group([add.s(1), add.s(2)]),
        sum.s(),
      ])
      const { error, book } = await failing(canvas, workflow.linkError(tell.s('after')))
      assert.ok(error instanceof ChordError)
      assert.equal(book.filter(([name]) => name === 'after').length, 1)
    })

    await t.test(
      'a chord in a header tells its errback, and fails the chord around it [3-095 3-178]',
      async () => {
        const { add, sum, fail, tell } = canvas
        const inner = (): AnySignature => chord([fail.s(), add.s(1, 1)], sum.s())
        const unflagged = await failing(
          canvas,
          canvas.app.pipe(group([inner(), add.s(2, 2)]), sum.s()).linkError(tell.s()),
        )
        assert.ok(unflagged.error instanceof ChordError)
        assert.equal(unflagged.book.length, 2)
        assert.ok(unflagged.book.some(([, id]) => id === unflagged.result.id))
      },
    )

    await t.test(
      'with the flag: the errback for each of the header that failed, and for the body [3-114 3-178]',
      async () => {
        const { add, sum, fail, tell, app } = flagged
        const plain = chord([fail.s(), add.s(1, 1), fail.s()], sum.s()).linkError(tell.s())
        const { result, book } = await failing(flagged, plain)
        const [first, , third] = membersOf(result.parent ?? assert.fail('no header'))
        assert.deepEqual(sorted(book), sorted(told([first?.id, third?.id, result.id])))

        // The same where a group becomes a chord by what comes after it.
        const upgraded = app.pipe(group([fail.s(), add.s(1, 1)]), sum.s()).linkError(tell.s())
        const more = await failing(flagged, upgraded)
        assert.equal(more.book.length, 2)
      },
    )

    await t.test('an errback that fails hides nothing [3-103]', async () => {
      const { fail, tell } = canvas
      const { error, book, result } = await failing(canvas, fail.s().linkError(fail.s()).linkError(tell.s()))
      assert.equal(error.name, 'Broken')
      assert.deepEqual(book, told([result.id]))
    })

    await t.test(
      'an errback that is retried, delayed, or known by its name alone [3-120 3-121 3-135]',
      async () => {
        const { app, fail, tell } = canvas
        const { book, result } = await failing(
          canvas,
          fail
            .s()
            .linkError(app.signature('c.retellOnce'))
            .linkError(tell.s('late').set({ countdown: '1ms' })),
        )
        // The one that is retried comes a second time; the one with a time may wait for it.
        const known = [
          ['retold', result.id],
          ['late', result.id],
        ]
        assert.deepEqual(sorted(book), sorted(known))
      },
    )

    await t.test(
      'an errback of the new style gets request and error, in eager mode, too [3-100 3-102 3-119]',
      async () => {
        const { fail, explain, tell, book } = canvas
        const sent = await failing(canvas, fail.s().linkError(explain.s()))
        assert.deepEqual(sent.book, [['explain', sent.result.id, 'Broken', 'it broke']])
        book.length = 0
        const eager = await fail.s().linkError(explain.s()).linkError(tell.si('fixed', 'immutable')).apply()
        assert.equal(await eager.state(), 'FAILURE')
        assert.deepEqual(
          sorted(book),
          sorted([
            ['explain', eager.id, 'Broken', 'it broke'],
            ['immutable', 'fixed'],
          ]),
        )
      },
    )
  })
}
