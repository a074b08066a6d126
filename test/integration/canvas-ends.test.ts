/**
 * Workflows of any shape, with members that fail, expire, are tried again or replaced: each comes to its end, with its
 * body or its errback, exactly once.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Chain } from '../../src/canvas/chain.ts'
import type { AnySignature } from '../../src/canvas.ts'
import { chain, chord, group } from '../../src/canvas.ts'
import { testBrokers } from '../support/brokers.ts'
import type { CanvasApp } from './canvas-app.ts'
import { groupOf, startCanvasApp } from './canvas-app.ts'

/** A workflow as data: easy to make smaller, and to show. */
type Tree =
  | { readonly kind: 'any' | 'fail' | 'again' | 'expired' | 'ignored' | 'none' }
  | { readonly kind: 'chain' | 'group'; readonly of: readonly Tree[] }
  | { readonly kind: 'chord'; readonly of: readonly Tree[]; readonly body: Tree }
  | { readonly kind: 'replaced'; readonly by: Tree }

const { tree } = fc.letrec<{ tree: Tree; leaf: Tree }>((tie) => ({
  leaf: fc.oneof(
    { weight: 10, arbitrary: fc.constant<Tree>({ kind: 'any' }) },
    {
      weight: 3,
      arbitrary: fc.constantFrom<Tree>(
        { kind: 'fail' },
        { kind: 'again' },
        { kind: 'expired' },
        { kind: 'ignored' },
        { kind: 'none' },
      ),
    },
  ),
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 2, arbitrary: tie('leaf') },
    { weight: 2, arbitrary: branch('chain', tie('tree')) },
    { weight: 2, arbitrary: branch('group', tie('tree')) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.array(tie('tree'), { maxLength: 3 }), tie('tree'))
        .map(([of, body]): Tree => ({ kind: 'chord', of, body })),
    },
    { weight: 1, arbitrary: tie('tree').map((by): Tree => ({ kind: 'replaced', by })) },
  ),
}))

function branch(kind: 'chain' | 'group', tree: fc.Arbitrary<Tree>): fc.Arbitrary<Tree> {
  return fc.array(tree, { minLength: 1, maxLength: 3 }).map((of): Tree => ({ kind, of }))
}

function signatureOf(canvas: CanvasApp, node: Tree): AnySignature {
  const { app } = canvas
  switch (node.kind) {
    case 'none':
      return groupOf(app, [])
    case 'expired':
      // Only told to the worker: what the broker knows to have expired it drops, and nobody hears of it.
      return canvas.any.s().set({ headers: { expires: '2020-01-01T00:00:00+00:00' } })
    case 'chain':
      // As such, and not what putting them together makes of them.
      return new Chain(
        app,
        node.of.map((each) => signatureOf(canvas, each)),
      )
    case 'group':
      return group(node.of.map((each) => signatureOf(canvas, each)))
    case 'chord':
      return chord(
        node.of.map((each) => signatureOf(canvas, each)),
        app.signatureFrom(signatureOf(canvas, node.body).toJSON()),
      )
    case 'replaced':
      return canvas.replace.s(signatureOf(canvas, node.by).toJSON())
    default:
      return app.signature(`c.${node.kind}`)
  }
}

const SEED = 20_261_122

const any: Tree = { kind: 'any' }
const none: Tree = { kind: 'none' }
const chainOf = (...of: readonly Tree[]): Tree => ({ kind: 'chain', of })
const groupWith = (...of: readonly Tree[]): Tree => ({ kind: 'group', of })
const chordOf = (of: readonly Tree[], body: Tree): Tree => ({ kind: 'chord', of, body })
const replacedBy = (by: Tree): Tree => ({ kind: 'replaced', by })

/** Shapes that are rare, and have been wrong. */
const KNOWN: readonly Tree[] = [
  // A group in the header that is sent when its chain gets there is not all of the header.
  groupWith(chainOf(any, groupWith(any, { kind: 'again' })), any),
  groupWith(any, chainOf(any, groupWith(chainOf(any, groupWith(any, any)), any))),
  // What takes the place of a part counts where that counted, whatever it ends in.
  replacedBy(chordOf([any], chainOf(any, any))),
  replacedBy(chordOf([any], groupWith(any, any))),
  replacedBy(chordOf([any], chordOf([any], any))),
  // What has become the header of a chord that ends in nothing brings nothing to the chord around it.
  chainOf(groupWith(any, any), chordOf([any], none)),
  chainOf(any, groupWith(any, any), chordOf([any], none)),
  chainOf(chainOf(any, groupWith(any, any)), chordOf([any], none)),
  // What comes after a chord runs, and once, also when that ends in nothing or in a group.
  chainOf(chordOf([any], chordOf([any], none)), any),
  chainOf(chordOf([any], groupWith(any, any)), any),
  chainOf(chordOf([any], chordOf([any], groupWith(any, any))), groupWith(any, any)),
  chainOf(chordOf([any], chainOf(none, none)), any),
  chainOf(chordOf([], chainOf(any, groupWith(any, any))), any),
]

/** Whether something in it fails. */
function fails(tree: Tree): boolean {
  return /"(?:fail|expired)"/.test(JSON.stringify(tree))
}

for (const kind of testBrokers.filter(({ name }) => name !== 'rabbitmq')) {
  test(`every workflow ends, once: ${kind.name}`, kind.needs, async (t) => {
    const canvas = await startCanvasApp(t, await kind.open(t))
    const random = fc.sample(tree, { numRuns: kind.name === 'memory' ? 120 : 40, seed: SEED })
    const trees = [...KNOWN, ...random]
    const runs = trees.map(async (each, number) => {
      const body = canvas.note.si(number, 'body').linkError(canvas.tell.si(String(number), 'errback'))
      const workflow = chord([signatureOf(canvas, each)], body)
      await workflow.send([]).get({ timeout: 60, propagate: false })
    })
    const outcomes = await Promise.allSettled(runs)
    await canvas.settled()
    const wrong = trees.flatMap((each, number) => {
      const ends = canvas.book.filter((entry) => entry.map(String).includes(String(number)))
      const outcome = outcomes[number]
      const isRight = ends.length === 1 && (fails(each) || ends[0]?.includes('body') === true)
      if (outcome?.status === 'fulfilled' && isRight) return []
      const reason = outcome?.status === 'rejected' ? String(outcome.reason) : 'ended'
      return [`${JSON.stringify(each)}: ${reason}, ${JSON.stringify(ends)}`]
    })
    assert.deepEqual(wrong, [])
    await t.test('some with their body, some with their errback', () => {
      const bodies = canvas.book.filter((entry) => entry.includes('body')).length
      assert.ok(bodies > 5 && bodies < trees.length - 5, String(bodies))
    })
  })
}

// The same for what is sent on its own: nobody waits for ever for the result of a chain either.
test('chains of chords of chains end', async (t) => {
  const [memory] = testBrokers
  assert.ok(memory !== undefined)
  const canvas = await startCanvasApp(t, await memory.open(t))
  const trees = [...KNOWN, ...fc.sample(tree, { numRuns: 30, seed: SEED + 1 })]
  const results = trees.map((each) =>
    chain([canvas.any.s(), signatureOf(canvas, each), canvas.any.s()])
      .send([])
      .get({ timeout: 60, propagate: false }),
  )
  const outcomes = await Promise.allSettled(results)
  const wrong = trees.filter((_, number) => outcomes[number]?.status !== 'fulfilled')
  assert.deepEqual(wrong, [])
})
