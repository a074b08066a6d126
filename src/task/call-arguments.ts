/** What `applyAsync` can be called with. */
import type { UserCallOptions } from './call-options.ts'

type Kwargs = Readonly<Record<string, unknown>>

/** Options of `applyAsync`, with arguments. */
export interface ApplyOptions extends UserCallOptions {
  /** Named arguments, merged over the bound ones. */
  readonly kwargs?: Kwargs
}

/** The ways to call `applyAsync` of a task: a list of arguments, options, or both. */
export type CallArguments<Args extends readonly unknown[]> =
  | (readonly [] extends Args
      ? [args?: Readonly<Args>, options?: ApplyOptions]
      : [] extends Args
        ? [args?: Readonly<Args>, options?: ApplyOptions]
        : [args: Readonly<Args>, options?: ApplyOptions])
  | [options: ApplyOptions & ArgsOption<Args>]
  | [options: ApplyOptions & { readonly kwargs: Kwargs }]

/** Arguments may be left out where there may be none. */
type ArgsOption<Args extends readonly unknown[]> = readonly [] extends Args
  ? { readonly args?: Readonly<Args> }
  : [] extends Args
    ? { readonly args?: Readonly<Args> }
    : { readonly args: Readonly<Args> }

/** Those to call `applyAsync` of a signature: arguments may also be left out where they are not known. */
export type ApplyArguments<Args extends readonly unknown[]> =
  | CallArguments<Args>
  | [options: ApplyOptions & { readonly args?: Readonly<Args> }]
