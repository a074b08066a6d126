/** Tasks that put something else in their place, and what workflows around them see of it; ids and priorities. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AnySignature } from '../../src/canvas.ts'
import { chain, chord, group } from '../../src/canvas.ts'
import { ImproperlyConfigured } from '../../src/index.ts'
import { testBrokers } from '../support/brokers.ts'
import { startCanvasApp } from './canvas-app.ts'

for (const kind of testBrokers.filter(({ name }) => name === 'memory' || name === 'redis')) {
  test(`what replaces tasks: ${kind.name}`, kind.needs, async (t) => {
    const canvas = await startCanvasApp(t, await kind.open(t))
    const { app, add, any, same, fail, echo, sum, replace, note, ids, book } = canvas
    const by = (signature: AnySignature): AnySignature => replace.s(signature.toJSON())
    const value = (signature: AnySignature): Promise<unknown> => signature.send([]).get({ timeout: 60 })
    const booked = async (signature: AnySignature): Promise<string[]> => {
      book.length = 0
      await signature.send([]).get({ timeout: 60, propagate: false })
      await canvas.settled()
      return book.map((entry) => String(entry.at(-1))).toSorted()
    }

    await t.test('in a chain, first, in the middle and last: order and values stay [3-143]', async () => {
      const pair = (): AnySignature => chain([same.si(40), add.s(1)])
      assert.equal(await value(chain([by(pair()), add.s(1)])), 42)
      assert.equal(await value(chain([same.s(1), by(pair()), add.s(1)])), 42)
      assert.equal(await value(chain([same.s(1), same.s(), by(pair())])), 41)
    })

    await t.test('in a group and in a header, first, in the middle and last [3-158 3-177]', async () => {
      const pair = (): AnySignature => chain([same.s(40), add.s(1)])
      for (const place of [0, 1, 2]) {
        const members = [same.s(0), same.s(1), same.s(2)].map((each, index) =>
          index === place ? by(pair()) : each,
        )
        const values = [0, 1, 2].map((each) => (each === place ? 41 : each))
        assert.deepEqual(await value(group(members)), values)
        assert.deepEqual(await value(app.pipe(group(members), echo.s())), values)
      }
    })

    await t.test('in a body [3-177]', async () => {
      const body = by(chain([same.si(40), add.s(1)]))
      assert.equal(await value(app.pipe(group([same.s(1), same.s(2)]), body)), 41)
      const inChain = chain([echo.s(), by(same.si(5)), add.s(1)])
      assert.equal(await value(app.pipe(group([same.s(1), same.s(2)]), inChain)), 6)
    })

    await t.test('by what is replaced itself: callbacks are called once [2-117 3-132 3-144]', async () => {
      const second = by(by(chain([note.si('inner'), same.si(7)])))
      second.addLink('link', note.si('outer'))
      assert.deepEqual(await booked(chain([second, note.si('after')])), ['after', 'inner', 'outer'])
    })

    await t.test('callbacks and errbacks of both, each once [3-139 3-144]', async () => {
      const good = chain([same.s(1), same.s()])
      good.addLink('link', note.si('inner'))
      const replaced = by(good)
      replaced.addLink('link', note.si('outer'))
      assert.deepEqual(await booked(replaced), ['inner', 'outer'])

      const bad = chain([same.s(1), fail.si()])
      bad.addLink('link_error', note.si('inner error'))
      const failing = by(bad)
      failing.addLink('link_error', note.si('outer error'))
      failing.addLink('link', note.si('never'))
      assert.deepEqual(await booked(failing), ['inner error', 'outer error'])
    })

    await t.test('by an empty chain: an error [2-143 3-141]', async () => {
      const empty = { task: 'celery.chain', kwargs: { tasks: [] }, subtask_type: 'chain' }
      const failing = replace.s({ ...empty, args: [], options: {}, immutable: false })
      await assert.rejects(
        value(chain([same.s(1), failing])),
        (error) => error instanceof ImproperlyConfigured,
      )
    })

    await t.test('by a group in a chain: what follows gets the list [2-144]', async () => {
      assert.equal(await value(chain([by(group([same.s(1), same.s(2)])), sum.s()])), 3)
      assert.equal(await value(chain([by(chain([same.s(1), group([add.s(1), add.s(2)])])), sum.s()])), 5)
    })

    await t.test('ids: parents and roots in chords, written either way [3-168]', async () => {
      for (const workflow of [
        chain([ids.s(), chord([ids.s(), ids.s()], echo.s())]),
        app.pipe(ids.s(), app.pipe(group([ids.s(), ids.s()]), echo.s())),
      ]) {
        const result = await workflow.send([])
        const members = await result.get({ timeout: 60 })
        assert.ok(Array.isArray(members))
        const first = result.parent?.parent?.id
        assert.deepEqual(
          members.map(({ root, parent }) => [root, parent]),
          [
            [first, first],
            [first, first],
          ],
        )
      }
    })

    await t.test('stamps stay with retries, callbacks and what replaces [3-183 3-191]', async () => {
      const stamped = chain([by(ids.s()), echo.s()]).stamp({ customer: 'c1' })
      const request = await value(stamped)
      assert.deepEqual(Object(request).stamps, { customer: 'c1' })
    })

    await t.test('nothing is lost when members are done before the group is saved [3-160]', async () => {
      const nested = Array.from({ length: 20 }, (_, n) => group([any.s(n), any.s(n, n)]))
      const values = await value(app.pipe(group(nested), echo.s()))
      assert.ok(Array.isArray(values))
      assert.equal(values.length, 40)
    })
  })
}
