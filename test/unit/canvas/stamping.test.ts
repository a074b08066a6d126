import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { chord } from '../../../src/canvas/chord.ts'
import { chain } from '../../../src/canvas/compose-chain.ts'
import { group } from '../../../src/canvas/group.ts'
import { mergeStamps } from '../../../src/task/stamping.ts'
import { withRequest } from '../app/golden-app.ts'
import { createTestApp } from '../app/test-app.ts'

const app = createTestApp()
const add = app.task('t.add', (x: number, y: number) => x + y)
const sum = app.task('t.sum', (numbers: readonly number[]) => numbers.length)

suite('stamps', () => {
  test('are options whose names are known [3-184 3-190]', () => {
    const { options } = add.s(1, 2).stamp({ customer: 'c1', tags: ['a'] })
    assert.deepEqual(options, { customer: 'c1', tags: ['a'], stamped_headers: ['customer', 'tags'] })
  })

  test('of a visitor are all that it answers, or those that it lists [3-186]', () => {
    const all = add.s(1, 2).stamp({ onSignature: () => ({ a: 1, b: 2 }) })
    assert.deepEqual(all.options['stamped_headers'], ['a', 'b'])
    const listed = add.s(1, 2).stamp({ onSignature: () => ({ a: 1, b: 2, stamped_headers: ['a'] }) })
    assert.deepEqual(listed.options, { a: 1, b: 2, stamped_headers: ['a'] })
    const none = add.s(1, 2).stamp({ onSignature: () => undefined })
    assert.deepEqual(none.options, { stamped_headers: [] })
  })

  test('that clash: the new one stays, or both do [3-188]', () => {
    assert.equal(add.s(1, 2).stamp({ a: 1 }).stamp({ a: 2 }).options['a'], 2)
    const both = add.s(1, 2).stamp({ a: 1 }).stamp({ a: 2 }, { appendStamps: true })
    assert.deepEqual(both.options['a'], [2, 1])
    assert.deepEqual(
      mergeStamps({ a: { x: 1 }, b: [1], c: null }, { a: { y: 2 }, b: [2], c: 3 }, undefined, true),
      {
        a: { x: 1, y: 2 },
        b: [1, 2],
        c: [3],
        stamped_headers: ['a', 'b', 'c'],
      },
    )
  })

  test('cannot be overwritten by a call [3-048]', () => {
    const signature = add.s(1, 2).stamp({ a: 1 })
    assert.equal(signature.clone({ priority: 1 }).options['a'], 1)
  })

  test('hooks are called around what they are about, with the stamps so far [3-185 3-187]', () => {
    const calls: unknown[] = []
    const visit =
      (name: string) =>
      (signature: { readonly name: string }, stamps: Readonly<Record<string, unknown>>): undefined =>
        void calls.push([
          name,
          signature.name,
          Object.keys(stamps).filter((key) => key !== 'stamped_headers'),
        ])
    const workflow = chain(
      add.s(1, 1),
      chord(group(add.s(2), add.s(3).link(add.s(4)).linkError(add.si(5, 5))), sum.s()),
    )
    workflow.stamp(
      {
        onSignature: visit('signature'),
        onGroupStart: visit('group'),
        onGroupEnd: visit('group end'),
        onChainStart: (signature, stamps) => {
          visit('chain')(signature, stamps)
          return { in_chain: 1 }
        },
        onChainEnd: visit('chain end'),
        onChordBody: visit('body'),
        onCallback: visit('callback'),
        onErrback: visit('errback'),
      },
      { stamps: { mine: 1 } },
    )
    assert.deepEqual(calls, [
      ['chain', 'celery.chain', ['mine']],
      ['signature', 't.add', ['in_chain', 'mine']],
      ['group', 'celery.group', ['in_chain', 'mine']],
      ['signature', 't.add', ['in_chain', 'mine']],
      ['callback', 't.add', ['in_chain', 'mine']],
      ['signature', 't.add', ['in_chain', 'mine']],
      ['errback', 't.add', ['in_chain', 'mine']],
      ['signature', 't.add', ['in_chain', 'mine']],
      ['signature', 't.add', ['in_chain', 'mine']],
      ['group end', 'celery.group', ['in_chain', 'mine']],
      ['body', 'celery.chord', ['in_chain', 'mine']],
      ['signature', 't.sum', ['in_chain', 'mine']],
      ['chain end', 'celery.chain', ['in_chain', 'mine']],
    ])
  })

  test('a visitor may know chords by themselves [3-187]', () => {
    const workflow = chord([add.s(1, 1)], sum.s())
    workflow.stamp({
      onSignature: () => ({}),
      onGroupStart: () => assert.fail('the header is no group here'),
      onChordHeaderStart: ({ members }) => ({ size: members.length }),
    })
    assert.equal(workflow.members[0]?.options['size'], 1)
  })

  test('reach links that are plain data, and not the stamps of what they hang on [3-055 3-183]', () => {
    const signature = add.s(1, 2).set({ link: [add.s(3).toJSON()] })
    signature.stamp({ onSignature: ({ args }) => ({ [`n${args.length}`]: 1 }) })
    const [link] = JSON.parse(JSON.stringify(signature)).options.link
    assert.deepEqual(link.options.stamped_headers, ['n1'])
    assert.deepEqual(signature.options['stamped_headers'], ['n2'])
  })

  test('come too late for what is part of another signature as a copy [3-192]', () => {
    const first = add.s(1, 1)
    const workflow = chain(first, add.s(2), add.s(3))
    first.stamp({ late: 1 })
    assert.ok(!JSON.stringify(workflow).includes('late'))
  })

  test('of members that are not made yet wait for them [3-081]', () => {
    let made = 0
    const members = function* () {
      for (let n = 0; n < 3; n += 1) {
        made += 1
        yield add.s(n, n)
      }
    }
    const lazy = group(members()).stamp({ a: 1 })
    assert.equal(made, 0)
    assert.deepEqual(
      lazy.tasks.map((task) => task.options['a']),
      [1, 1, 1],
    )
  })

  test('are inherited by what replaces a task, where it has none of that name [2-145 3-183 3-191]', async () => {
    const own = createTestApp()
    const task = own.task('t.x', (x: number) => x)
    const fields = { stampedHeaders: ['a', 'b'], stamps: { a: 'old', b: 'old' } }
    const sent: Readonly<Record<string, unknown>>[] = []
    own.publish = ({ options }) => {
      sent.push(options)
      return Promise.resolve()
    }
    await withRequest(own, task, fields, (self) =>
      assert.rejects(self.replace(task.s(1).stamp({ a: 'new' })), /Replaced/),
    )
    const [options] = sent
    assert.deepEqual(
      [options?.['a'], options?.['b'], options?.['stamped_headers']],
      ['new', 'old', ['b', 'a']],
    )
  })

  test('may be given when a task is replaced: onReplace [2-129 3-183]', async () => {
    const own = createTestApp()
    const task = own.task(
      't.x',
      { onReplace: (_self, replacement) => void replacement.stamp({ replaced: true }) },
      (x: number) => x,
    )
    const sent: unknown[] = []
    own.publish = ({ name, options }) => {
      sent.push([name, options['replaced'], JSON.stringify(options['chain'] ?? [])])
      return Promise.resolve()
    }
    await withRequest(own, task, { chain: [task.s().toJSON()] }, (self) =>
      assert.rejects(self.replace(task.s(1)), /Replaced/),
    )
    const [[name, stamp, rest] = []] = sent as readonly (readonly unknown[])[]
    assert.deepEqual([name, stamp, String(rest).includes('"replaced":true')], ['t.x', true, true])
  })
})
