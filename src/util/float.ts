import { pythonFloat } from './python-number.ts'

/**
 * A number that must arrive in Python as a `float` even when it is integral: `new Float(5)` is sent as `5.0`, a plain 5
 * as the `int` 5. Some receivers insist, such as Celery's list of revoked tasks on its time stamps.
 */
export class Float {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }

  valueOf(): number {
    return this.value
  }

  /** The number alone: other writers of JSON know no difference. */
  toJSON(): number {
    return this.value
  }

  /** As Python shows it: `5.0`. */
  pythonRepr(): string {
    return pythonFloat(this.value)
  }
}
