import { InvalidTaskError } from '../errors.ts'
import { readSignature } from '../protocol/signature.ts'
import type { GroupResult } from '../result/group-result.ts'
import type { ResultPromise } from '../result/result-promise.ts'
import type { Anything } from '../task/bound-arguments.ts'
import type { ApplyOptions } from '../task/call-arguments.ts'
import type { ChunksSignature } from '../task/item-calls.ts'
import { xstarmap } from '../task/item-calls.ts'
import type { MergedCall } from '../task/signature.ts'
import { Signature } from '../task/signature.ts'
import { Group } from './group.ts'

/**
 * Calls in portions. Applied here it becomes a group at once; as part of a workflow, too, so that what follows gets the
 * results of all portions. Celery: `chunks`.
 */
export class Chunks
  extends Signature<Anything, unknown[][], GroupResult<unknown[][]>>
  implements ChunksSignature<unknown>
{
  override clone(extra: ApplyOptions & { readonly args?: readonly unknown[] } = {}): Chunks {
    return new Chunks(this.host, this.clonedParts(extra))
  }

  override get element(): Group<Anything, unknown[][]> {
    return this.group()
  }

  /** @throws InvalidTaskError when it was made of data that say nothing of task, items or size. */
  group(): Group<Anything, unknown[][]> {
    const { task: data, it, n } = this.kwargs
    const task = this.host.signatureFrom(readSignature(data, 'celery.chunks: task'))
    if (!Array.isArray(it) || typeof n !== 'number' || !(n >= 1)) {
      throw new InvalidTaskError('celery.chunks: a list of arguments and a size above 0 are needed')
    }
    const portions: Signature<Anything, unknown[]>[] = []
    for (let at = 0; at < it.length; at += n) {
      const portion = xstarmap(task, it.slice(at, at + n))
      Object.assign(portion.options, this.options)
      portions.push(portion)
    }
    return new Group<Anything, unknown[][]>(this.host, portions)
  }

  protected override launch({ options }: MergedCall): ResultPromise<unknown[][], GroupResult<unknown[][]>> {
    return this.group().send([], options)
  }

  protected override launchEagerly({ options }: MergedCall): Promise<GroupResult<unknown[][]>> {
    return this.group().runEagerly([], options)
  }
}
