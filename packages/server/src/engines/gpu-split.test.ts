import { describe, expect, test } from 'vitest'
import { hasFlag, splitGpus } from './gpu-split.ts'

const split = (
  asked: { tensorParallelSize?: number; dataParallelSize?: number },
  gpus: number,
  isSplitFurther = false,
) => splitGpus('vLLM', asked, { gpus, isSplitFurther })

describe('the split of GPUs', () => {
  test.for<[asked: object, gpus: number, tensor: number, data: number]>([
    [{}, 0, 1, 1],
    [{}, 1, 1, 1],
    [{}, 8, 8, 1],
    [{ tensorParallelSize: 4 }, 4, 4, 1],
    [{ dataParallelSize: 4 }, 4, 1, 4],
    [{ dataParallelSize: 2 }, 8, 4, 2],
    [{ tensorParallelSize: 2, dataParallelSize: 2 }, 4, 2, 2],
  ])('of %j on %i GPUs is %i × %i', ([asked, gpus, tensor, data]) => {
    expect(split(asked, gpus)).toEqual({ tensor, data })
  })

  test.for<[asked: object, gpus: number, words: string]>([
    [{ tensorParallelSize: 2 }, 1, '2 × dataParallelSize 1 is 2, and the instance has 1 GPU'],
    [{ tensorParallelSize: 2 }, 4, 'make their product 4, or choose an instance with 2 GPUs'],
    [{ dataParallelSize: 3 }, 4, '1 × dataParallelSize 3 is 3'],
    [{ dataParallelSize: 2 }, 1, 'the instance has 1 GPU'],
    [{ tensorParallelSize: 2 }, 0, 'the instance has no GPU'],
  ])('of %j on %i GPUs is refused', ([asked, gpus, words]) => {
    expect(() => split(asked, gpus)).toThrow(words)
  })

  test('may leave GPUs to another way of splitting, but never takes more than there are', () => {
    expect(split({ tensorParallelSize: 2 }, 4, true)).toEqual({ tensor: 2, data: 1 })
    expect(() => split({ tensorParallelSize: 8 }, 4, true)).toThrow('is 8')
  })
})

test('a flag is found with its value beside it or behind an equals sign, in either spelling', () => {
  expect(hasFlag(['--a', '--pp-size', '2'], ['--pp-size'])).toBe(true)
  expect(hasFlag(['--pp_size=2'], ['--pp-size'])).toBe(true)
  expect(hasFlag(['--pp-size-other'], ['--pp-size'])).toBe(false)
})
