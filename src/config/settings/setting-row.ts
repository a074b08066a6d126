/**
 * What a line of the table of settings says.
 *
 * The tables in this folder are the one place where a setting exists: its types, defaults, old names, checks and its
 * line in the reference come from there. The comment above a setting is its prose, for editors and for the reference.
 */

/**
 * What a value must be.
 *
 * - `duration`: seconds, a text with a unit (`'5m'`) or parts; kept as seconds
 * - `texts`: a list of texts; also taken from a `Set` or, for one item, from the bare text
 * - `options`: a dict whose keys are Celery's names of options; keys in camel case become snake case
 * - `class`: a class, function or object, or a text `module#export` that names it
 * - `bytes`: bytes or a text that stands for its UTF-8 bytes
 */
export type SettingType =
  | 'string'
  | 'int'
  | 'float'
  | 'bool'
  | 'list'
  | 'texts'
  | 'dict'
  | 'options'
  | 'duration'
  | 'bytes'
  | 'class'
  | 'function'
  | 'any'

/** One setting. */
export interface SettingRow {
  /** Its type, or several of which one must fit; texts from the command line are cast to the first that fits. */
  readonly type: SettingType | readonly SettingType[]
  /** In the unit of the setting; `null` is Python's `None` and is then a value that users may give as well. */
  readonly default: unknown
  /** Whether `null` is a value though it isn't the default. */
  readonly nullable?: true
  /** The only values there are. */
  readonly choices?: readonly (string | number)[]
  /** Names of before Celery 4 where they aren't simply the snake-case name in capitals. */
  readonly old?: string | readonly string[]
  /** What to use instead of a setting that is on its way out. */
  readonly deprecated?: string
}
