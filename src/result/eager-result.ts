import { TaskRevokedError } from '../errors.ts'
import { REVOKED, SUCCESS } from '../protocol/states.ts'
import { formatIsoDate } from '../util/iso8601.ts'
import { AsyncResult } from './async-result.ts'
import type { ResultContext, ResultNode } from './ports.ts'

/** How a call ended that was run in place. */
export interface EagerResultParts {
  readonly id: string
  /** SUCCESS, FAILURE or REVOKED. */
  readonly state: string
  /** What was returned; the error when there was one. */
  readonly value: unknown
  readonly traceback?: string | undefined
  readonly name?: string | undefined
  readonly parent?: ResultNode | undefined
}

/** The result of a call that was run in place: it is there from the start. Celery: `EagerResult`. */
export class EagerResult<T = unknown> extends AsyncResult<T> {
  constructor(parts: EagerResultParts, context: ResultContext) {
    super(parts.id, context, { parent: parts.parent })
    const { id, state, value, traceback, name } = parts
    this.accept({
      task_id: id,
      status: state,
      result: value,
      traceback: state === SUCCESS ? null : (traceback ?? null),
      children: null,
      date_done: formatIsoDate(new Date(context.clock.now())),
      name: name ?? null,
    })
  }

  /** It is over already; as in Celery its state becomes REVOKED all the same. */
  override async revoke(): Promise<void> {
    this.accept({ ...(await this.meta()), status: REVOKED, result: new TaskRevokedError('revoked') })
  }

  /** Nothing is stored, so there is nothing to forget. */
  override async forget(): Promise<void> {}
}
