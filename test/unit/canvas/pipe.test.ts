import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Chain } from '../../../src/canvas/chain.ts'
import { Chord, chord } from '../../../src/canvas/chord.ts'
import { chain } from '../../../src/canvas/compose-chain.ts'
import { Group, group } from '../../../src/canvas/group.ts'
import { pipe } from '../../../src/canvas/pipe.ts'
import type { AnySignature } from '../../../src/task/signature.ts'
import { createTestApp } from '../app/test-app.ts'

const app = createTestApp({ setAsCurrent: true })
const s = (name: string): AnySignature => app.signature(name)
const [a, b, c, d] = [s('a'), s('b'), s('c'), s('d')]

/** `a|b` a chain, `(a b)` a group, `{a b}c` a chord. */
function shape(signature: AnySignature): string {
  const inner = (list: readonly AnySignature[], separator: string): string => list.map(shape).join(separator)
  if (signature instanceof Chord) return `{${inner(signature.members, ' ')}}${shape(signature.body)}`
  if (signature instanceof Group) return `(${inner(signature.tasks, ' ')})`
  if (signature instanceof Chain) return `[${inner(signature.tasks, '|')}]`
  return signature.task
}

suite('one after the other becomes', () => {
  const cases: readonly (readonly [name: string, signature: AnySignature, shape: string])[] = [
    ['a chain of tasks [3-059]', pipe(a, b), '[a|b]'],
    ['a longer chain [3-063]', pipe(pipe(a, b), c), '[a|b|c]'],
    ['one chain of two [3-063]', pipe(pipe(a, b), pipe(c, d)), '[a|b|c|d]'],
    ['a chain with what is before it [3-063]', pipe(a, pipe(b, c)), '[a|b|c]'],
    ['a chord, when a group is followed [3-083]', pipe(group([a, b]), c), '{a b}c'],
    ['a chord even of a single task, when it is the first [3-071]', pipe(group([a]), b), '{a}b'],
    ['a chain with the only task of a group [3-071]', pipe(a, group([b])), '[a|b]'],
    ['a chain that ends in a group', pipe(a, group([b, c])), '[a|(b c)]'],
    ['a chain that ends in a chord [3-083]', pipe(pipe(a, group([b, c])), d), '[a|{b c}d]'],
    ['a chord with a longer body [3-084]', pipe(pipe(group([a, b]), c), d), '{a b}[c|d]'],
    [
      'a chain with a chord with a longer body [3-085]',
      pipe(pipe(pipe(a, group([b, c])), d), a),
      '[a|{b c}[d|a]]',
    ],
    ['a chord with a group as body [3-083]', pipe(group([a, b]), group([c, d])), '{a b}(c d)'],
    ['a chain of a chord and a group [3-084]', pipe(pipe(group([a, b]), c), group([c, d])), '[{a b}c|(c d)]'],
    ['a chord with the only task of a group [3-084]', pipe(pipe(group([a, b]), c), group([d])), '{a b}[c|d]'],
    ['a chain of a chord and a chain [3-084]', pipe(pipe(group([a, b]), c), pipe(c, d)), '[{a b}c|c|d]'],
    [
      'one chord in the body of another [3-146]',
      pipe(new Chain(app, [pipe(group([a, b]), c), group([c, d])]), a),
      '[{a b}[c|{c d}a]]',
    ],
  ]
  for (const [name, signature, expected] of cases) {
    test(name, () => assert.equal(shape(signature), expected))
  }

  test('the same by `chain`, which takes a list, too [3-060 3-062 3-105]', () => {
    assert.equal(shape(chain([a, group([b, c]), d])), '[a|{b c}d]')
    assert.equal(shape(chain([group([a, b]), c])), '{a b}c')
    assert.equal(shape(chain(a)), '[a]')
    assert.equal(shape(chain([a])), '[a]')
    assert.equal(shape(chain([])), '[]')
    assert.equal(shape(chain([group([a, b]), group([c, d]), a])), '{a b}{c d}a')
  })

  test('nothing that can be sent, when it is empty [3-062]', async () => {
    await assert.rejects(chain([]).applyAsync({}).get(), /An empty chain cannot be sent/)
  })

  test('without changing what it is made of', () => {
    const left = chain([a, group([b, c])])
    const right = group([c, d])
    const before = [shape(left), shape(right)]
    pipe(pipe(left, right), a)
    assert.deepEqual([shape(left), shape(right)], before)
  })
})

suite('links of a chain', () => {
  test('move to its last task, errbacks to each, when it becomes part of another [3-063 3-140]', () => {
    const inner = chain([s('x'), s('y')])
    inner.addLink('link', s('callback'))
    inner.addLink('link_error', s('errback'))
    const outer = pipe(pipe(s('first'), inner), s('last'))
    const links = outer.members.map(({ options }) => [
      options['link'] !== undefined,
      options['link_error'] !== undefined,
    ])
    assert.deepEqual(links, [
      [false, false],
      [false, true],
      [true, true],
      [false, false],
    ])
  })
})

suite('links of a group', () => {
  test('go to its first task, immutable; errbacks to all [3-076 3-077 12-017]', () => {
    const both = group([s('x'), s('y')])
    both.addLink('link', s('callback'))
    both.addLink('link_error', s('errback'))
    const [first, second] = both.tasks.map((task) => task.toJSON().options)
    assert.ok(Array.isArray(first?.['link']))
    assert.equal(first['link'][0].immutable, true)
    assert.equal(second?.['link'], undefined)
    assert.ok(Array.isArray(first['link_error']) && Array.isArray(second?.['link_error']))
  })

  test('cannot be options of its call [3-075 12-018]', async () => {
    await assert.rejects(group([a, b]).applyAsync({ link: c }).get(), /Cannot add link to group: use a chord/)
    await assert.rejects(group([a, b]).applyAsync({ linkError: c }).get(), /do that on individual tasks/)
  })
})

suite('links of a chord', () => {
  test('go to its body; errbacks to chords in its header, and to all of it when configured [3-095]', () => {
    const inner = chord([a], b)
    const outer = chord([inner, c], d)
    outer.addLink('link_error', s('errback'))
    const linked = (signature: AnySignature): boolean => signature.options['link_error'] !== undefined
    assert.deepEqual([outer.body, inner.body, c].map(linked), [true, true, false])
    const eager = createTestApp({ taskAllowErrorCbOnChordHeader: true })
    const member = eager.signature('m')
    chord([member], eager.signature('n')).addLink('link_error', eager.signature('errback'))
    assert.equal(linked(member), true)
  })
})

suite('sizes of chords [3-091]', () => {
  test('count what reports to them', () => {
    assert.equal(a.chordSize, 1)
    assert.equal(group([a, group([b, c])]).chordSize, 3)
    assert.equal(chain([a, group([b, c])]).chordSize, 2)
    assert.equal(chain([]).chordSize, 0)
    assert.equal(chord([a, b], group([c, d, a])).chordSize, 3)
  })
})

suite('frozen groups', () => {
  test('have the members of inner ones turned round, as in Celery [3-073 12-016]', () => {
    const frozen = group([group([s('1'), s('2')]), s('3')])
    frozen.freeze()
    assert.deepEqual(
      frozen.tasks.map(({ task }) => task),
      ['2', '1', '3'],
    )
    assert.deepEqual(
      frozen.tasks.map(({ options }) => options['group_index']),
      [0, 1, 2],
    )
  })
})

suite('immutability', () => {
  test('of a group is that of its tasks, of a chord that of its header [3-079]', () => {
    const fresh = (name: string): AnySignature => app.signature(name)
    const both = group([fresh('x'), fresh('y')])
    both.setImmutable(true)
    assert.ok(both.tasks.every(({ immutable }) => immutable))
    const end = fresh('end')
    const workflow = chord([fresh('x')], end)
    workflow.setImmutable(true)
    assert.ok(workflow.members.every(({ immutable }) => immutable))
    assert.equal(end.immutable, false)
  })
})
