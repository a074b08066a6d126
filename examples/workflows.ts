/** Workflows, run by workers that must be there: see README.md beside this file. */
import { chain, chord, group } from '../src/index.ts'
import { add, app, mul, xsum } from './tasks.ts'

const timeout = 30

/** (4 + 4) · 8: each task gets the result of the one before. */
export const inSequence = chain(add.s(4, 4), mul.s(8))

/** Side by side; results in the order of the tasks. */
export const sideBySide = group(Array.from({ length: 10 }, (_, i) => add.s(i, i)))

/** A task after all of them, with the list of their results. */
export const afterAll = chord([add.s(1, 1), add.s(2, 2)], xsum.s())

/** The same with Python's `|`: a group followed by a task is a chord. */
export const piped = sideBySide.pipe(xsum.s())

if (import.meta.main) {
  console.log(await inSequence.delay().get({ timeout }))
  console.log(await sideBySide.delay().get({ timeout }))
  console.log(await afterAll.delay().get({ timeout }))
  console.log(await piped.delay().get({ timeout }))
  await app.close()
}
