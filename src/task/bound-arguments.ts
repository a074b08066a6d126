/**
 * Types of partial calls: which arguments can be bound, and which are still missing then.
 *
 * A signature binds *trailing* arguments, because what comes before (the result of the previous task) is put in front.
 * What is missing is a union of tuples: `(x, y = 1)` with one argument bound may be called with none or with one.
 */

/** All tuples with which a function of parameters `Args` may be called, optional ones given or not. */
type Calls<Args extends readonly unknown[]> = Extract<Prefixes<Required<Args>>, Args>

type Prefixes<Args extends readonly unknown[], Done extends readonly unknown[] = []> =
  | Done
  | (Args extends readonly [infer First, ...infer Rest] ? Prefixes<Rest, [...Done, First]> : never)

type Suffixes<Args extends readonly unknown[]> =
  | Args
  | (Args extends readonly [unknown, ...infer Rest] ? Suffixes<Rest> : never)

/** Whether there is no limit to the number of arguments. */
type IsOpen<Args extends readonly unknown[]> = number extends Args['length'] ? true : false

/** What may be bound: the last arguments of any possible call. */
export type Bindable<Args extends readonly unknown[]> =
  IsOpen<Args> extends true
    ? Args
    : Calls<Args> extends infer Call extends readonly unknown[]
      ? Suffixes<Call>
      : never

/** What must be put in front of `Bound` to make a call. */
export type Missing<Args extends readonly unknown[], Bound extends readonly unknown[]> =
  IsOpen<Args> extends true ? readonly unknown[] : Fronts<Calls<Args>, Bound>

/** Takes the bound arguments off the end of a call, if they fit there. */
type Fronts<Call extends readonly unknown[], Bound extends readonly unknown[]> = Bound extends readonly [
  ...infer Before,
  infer Last,
]
  ? Call extends readonly [...infer Front, infer Parameter]
    ? Last extends Parameter
      ? Fronts<Front, Before>
      : never
    : never
  : Call

/** What an immutable signature may be called with: anything, since it looks at nothing. */
export type Anything = readonly unknown[]
