import { ImproperlyConfigured } from '../errors.ts'
import { didYouMean } from '../util/text.ts'
import type { Bootstep } from './bootstep.ts'
import { stepName } from './bootstep.ts'

/**
 * Steps in an order in which each comes after those that it requires, and otherwise as they were added.
 *
 * @param given names of what is there without a step, and may be required.
 * @throws ImproperlyConfigured when a step requires one that is not there, or in the end itself; or when two different
 * steps have one name.
 */
export function bootOrder<Parent>(
  steps: Iterable<Bootstep<Parent>>,
  given: readonly string[] = [],
): readonly Bootstep<Parent>[] {
  const known = collect(steps)
  const order = new Set<Bootstep<Parent>>()
  const visit = (step: Bootstep<Parent>, path: readonly string[]): void => {
    if (order.has(step)) return
    const name = stepName(step)
    const before = path.indexOf(name)
    if (before >= 0) {
      const circle = [...path.slice(before), name].join(' → ')
      throw new ImproperlyConfigured(`Bootsteps require each other in a circle: ${circle}`)
    }
    for (const required of step.requires ?? []) {
      const wanted = stepName(required)
      const found = known.get(wanted)
      if (found !== undefined) visit(found, [...path, name])
      else if (!given.includes(wanted)) {
        const hint = didYouMean(wanted, [...known.keys(), ...given])
        throw new ImproperlyConfigured(
          `The bootstep '${name}' requires '${wanted}', which is not there${hint}`,
        )
      }
    }
    order.add(step)
  }
  for (const step of known.values()) visit(step, [])
  return [...order]
}

/** All steps by name, with those that they require and bring along. */
function collect<Parent>(steps: Iterable<Bootstep<Parent>>): ReadonlyMap<string, Bootstep<Parent>> {
  const known = new Map<string, Bootstep<Parent>>()
  const add = (step: Bootstep<Parent>): void => {
    const name = stepName(step)
    const other = known.get(name)
    if (other === step) return
    if (other !== undefined) throw new ImproperlyConfigured(`Two bootsteps are called '${name}'`)
    known.set(name, step)
    for (const required of step.requires ?? []) if (typeof required !== 'string') add(required)
  }
  for (const step of steps) add(step)
  return known
}
