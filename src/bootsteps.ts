/** Steps of your own that start and stop with every worker: `app.steps.worker.add(step)`. */
export type { AppSteps, ConsumerParent, WorkerParent } from './app/app-steps.ts'
export type { StepConsumer, StepMessage } from './app/consumer-step.ts'
export { ConsumerStep } from './app/consumer-step.ts'
export type { BlueprintOptions, BlueprintState } from './bootsteps/blueprint.ts'
export { Blueprint } from './bootsteps/blueprint.ts'
export type { Bootstep, RunningStep } from './bootsteps/bootstep.ts'
