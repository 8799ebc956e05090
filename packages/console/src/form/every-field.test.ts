/** Whatever the API can be told of an endpoint has a place in the form, and shows there what Berth says against it. */
import { Endpoint } from '@berth/contract'
import { createElement, type FunctionComponent } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { AccessForm } from './access-form.tsx'
import { draftOf, type EndpointDraft } from './endpoint-draft.ts'
import { EngineForm } from './engine-form.tsx'
import { EnvironmentForm } from './environment-form.tsx'
import { EVERYTHING } from './everything.ts'
import type { FormPart } from './form-part.ts'
import { ModelForm } from './model-form.tsx'
import { ScalingForm } from './scaling-form.tsx'
import { TrafficForm } from './traffic-form.tsx'

/** What is asked for outside the parts that a new endpoint and the settings share, or follows from what they say. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  name: 'the first field of a new endpoint; it never changes',
  provider: 'where the chosen hardware is',
  'compute.accelerator': 'of the chosen hardware',
  'compute.instanceType': 'the chosen hardware',
  'compute.instanceSize': 'the chosen hardware',
  'model.repository': 'chosen before the form; a field of the settings',
  'model.framework': 'follows the engine',
}

/** What no form asks for, and why. A field of the contract that is neither here nor in the form fails the test. */
const NOT_ASKED: Readonly<Record<string, string>> = {
  'compute.id': 'told by Berth',
  'compute.scaling.metric': 'an older word for the measure',
  'compute.scaling.threshold': 'an older word for the measure',
  'model.fromCatalog': 'told by Berth',
  accountId: 'Berth has no accounts',
  notifications: 'Berth sends none',
  network: 'refused: no installation has it',
  route: 'refused: no installation has it',
  privateService: 'refused: no installation has it',
  experimentalFeatures: 'refused, or without effect, but for an older word for the cache',
}

/** The one or the other can be said, and `EVERYTHING` says the other. */
const INSTEAD = ['compute.scaling.measure', 'fallback.endpoint']

type Json = {
  readonly properties?: Readonly<Record<string, Json>>
  readonly anyOf?: readonly Json[]
}

const leavesOf = (json: Json, path: string): readonly string[] => {
  const below = [json, ...(json.anyOf ?? [])].flatMap(({ properties }) => Object.entries(properties ?? {}))
  if (below.length === 0 || path === 'model.image') return [path]
  return below.flatMap(([name, one]) => leavesOf(one, path === '' ? name : `${path}.${name}`))
}
const isIn = (path: string, others: readonly string[]) =>
  others.some((other) => path === other || path.startsWith(`${other}.`))

const schema = z.toJSONSchema(Endpoint, { io: 'input', unrepresentable: 'any' }) as Json
const leaves = [...new Set(leavesOf(schema, ''))].filter((path) => !isIn(path, Object.keys(NOT_ASKED)))

test('the endpoint that the form is tested with says every field of the contract', () => {
  const unsaid = leaves.filter((path) => {
    const value = path
      .split('.')
      .reduce<unknown>((one, name) => (one as Record<string, unknown>)?.[name], EVERYTHING)
    return value === undefined && !isIn(path, INSTEAD)
  })
  expect(leaves.length).toBeGreaterThan(30)
  expect(unsaid).toEqual([])
})

test('every field of the contract has a place in the form where its mistake is shown', () => {
  const draft = draftOf(EVERYTHING)
  const shownAt = new Set<string>()
  const render = (changes: Partial<EndpointDraft>) => {
    const part: FormPart = {
      draft: { ...draft, ...changes },
      set: () => {},
      errorAt: (path) => {
        shownAt.add(path)
        return undefined
      },
    }
    const parts: readonly FunctionComponent<FormPart>[] = [
      AccessForm,
      ScalingForm,
      TrafficForm,
      ModelForm,
      EnvironmentForm,
      (props) => createElement(EngineForm, { ...props, isKept: false }),
    ]
    for (const one of parts) renderToStaticMarkup(createElement(one, part))
  }
  render({})
  render({ measure: 'pendingRequests', fallback: { ...draft.fallback, kind: 'endpoint' } })
  render({ fallback: { ...draft.fallback, kind: 'none' } })

  const places = [...shownAt]
  const homeless = leaves.filter((path) => !isIn(path, places) && !isIn(path, Object.keys(ELSEWHERE)))
  expect(homeless).toEqual([])
})
