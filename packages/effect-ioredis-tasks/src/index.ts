export * as Task from "./Task.ts"
export * as TaskError from "./TaskError.ts"
export * as TaskQueue from "./TaskQueue.ts"
export * as TaskWorker from "./TaskWorker.ts"
