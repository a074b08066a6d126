import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chord } from '../../../src/canvas/chord.ts'
import { chain } from '../../../src/canvas/compose-chain.ts'
import { group } from '../../../src/canvas/group.ts'
import { createTestApp } from '../app/test-app.ts'

const app = createTestApp({ setAsCurrent: true })
const add = app.task('tasks.add', (x: number, y: number) => x + y)

// Who writes JavaScript is told by no compiler that the arguments of a task are missing.
test('what is no signature is refused where a workflow is made, with the value and the remedy', () => {
  for (const [name, compose] of Object.entries({ chain, group })) {
    const refused = (parts: readonly unknown[], what: RegExp): void =>
      assert.throws(() => Reflect.apply(compose, undefined, parts), { name: 'TypeError', message: what })
    const start = `^${name}\\(\\) takes signatures, such as add\\.s\\(4, 4\\), not `
    const task = new RegExp(`${start}the task tasks\\.add itself: say with which arguments, by its s\\(…\\)$`)
    refused([add], task)
    refused([add.s(1, 1), add], task)
    refused([[add.s(1, 1), add]], task)
    refused([5], new RegExp(`${start}5$`))
    refused(['tasks.add'], new RegExp(`${start}'tasks\\.add'$`))
    refused([add.s(1, 1), undefined], new RegExp(`${start}None$|${start}undefined$`))
    refused([[() => 1]], new RegExp(`${start}a function$`))
  }
})

test('the body of a chord, too', () => {
  const parts: readonly unknown[] = [[add.s(1, 1)], add]
  assert.throws(
    () => Reflect.apply(chord, undefined, parts),
    /chord\(\) takes signatures.*the task tasks\.add itself/,
  )
})

test('what is linked, and what a signature is piped into, too', () => {
  for (const name of ['link', 'linkError', 'pipe'] as const) {
    for (const [given, what] of [
      [add, 'the task tasks\\.add itself: say'],
      ['tasks.add', "'tasks\\.add'$"],
    ] as const) {
      const signature = add.s(1, 1)
      assert.throws(
        () => Reflect.apply(signature[name], signature, [given]),
        new RegExp(`^TypeError: ${name}\\(\\) takes signatures, such as add\\.s\\(4, 4\\), not ${what}`),
      )
      assert.deepEqual(signature.options, {})
    }
  }
})

test('members that are made one by one are looked at when they are needed', () => {
  const parts: readonly unknown[] = [
    (function* () {
      yield add.s(1, 1)
      yield add
    })(),
  ]
  const lazy = Reflect.apply(group, undefined, parts)
  assert.throws(() => lazy.tasks, /group\(\) takes signatures/)
})
