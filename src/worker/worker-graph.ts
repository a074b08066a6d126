import type { AppSteps } from '../app/app-steps.ts'
import type { BootNode } from '../bootsteps/boot-graph.ts'
import { bootGraph, bootNodes } from '../bootsteps/boot-graph.ts'
import { bootOrder } from '../bootsteps/boot-order.ts'
import { CONSUMER_PARTS, partNames, WORKER_PARTS } from './worker-steps.ts'

/**
 * Draws what a worker, its consumer, or both start, in the language of Graphviz.
 * @throws ImproperlyConfigured when the steps cannot be put in order.
 */
export function workerGraph(
  steps: AppSteps,
  wanted: { readonly worker: boolean; readonly consumer: boolean },
): string {
  const nodes: BootNode[] = []
  if (wanted.worker) {
    nodes.push(...bootNodes(WORKER_PARTS, bootOrder(steps.worker, partNames(WORKER_PARTS))))
  }
  if (wanted.consumer) {
    const own = bootNodes(CONSUMER_PARTS, bootOrder(steps.consumer, partNames(CONSUMER_PARTS)))
    // A consumer begins when the last part of its worker does.
    const isFirst = (node: BootNode): boolean => wanted.worker && node.name === 'Connection'
    nodes.push(...own.map((node) => (isFirst(node) ? { ...node, requires: ['Consumer'] } : node)))
  }
  return bootGraph(nodes)
}
