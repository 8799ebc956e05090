/**
 * Every page and its address. The list of endpoints, where nearly everybody begins, comes with the console itself; each
 * other page, and each tab of an endpoint, is a file of its own that is fetched when somebody goes there.
 */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Navigate,
  redirect,
} from '@tanstack/react-router'
import { endpointsQuery, vendorsQuery, whoamiQuery } from '../api/queries.ts'
import { queryClient } from '../api/query-client.ts'
import { EndpointsPage } from '../pages/endpoints/endpoints-page.tsx'
import { listSearch } from '../pages/endpoints/list-search.ts'
import { currentSession } from '../session/session.ts'
import { useNamespace } from './namespace.ts'
import { NotFound, PageFailed, PagePending } from './page-states.tsx'
import { Root } from './root.tsx'

/** What a page reads is asked for while its code is fetched; what is here already, the page keeps new by itself. */
const ONCE = Number.POSITIVE_INFINITY
const mayAsk = () => currentSession().kind === 'signedIn'

const root = createRootRoute({
  loader: () => {
    if (mayAsk()) void queryClient.prefetchQuery({ ...whoamiQuery(), staleTime: ONCE })
  },
  component: Root,
  notFoundComponent: () => <NotFound />,
})

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: () => <Navigate to="/endpoints/$namespace" params={{ namespace: useNamespace() }} replace />,
})

const endpointsHome = createRoute({
  getParentRoute: () => root,
  path: '/endpoints',
  beforeLoad: () => {
    throw redirect({ to: '/' })
  },
})

const endpoints = createRoute({
  getParentRoute: () => root,
  path: '/endpoints/$namespace',
  validateSearch: listSearch,
  loader: ({ params: { namespace } }) => {
    if (!mayAsk()) return
    void queryClient.prefetchQuery({ ...endpointsQuery(namespace), staleTime: ONCE })
    void queryClient.prefetchQuery({ ...vendorsQuery(namespace), staleTime: ONCE })
  },
  component: EndpointsPage,
})

const endpoint = createRoute({
  getParentRoute: () => root,
  path: '/endpoints/$namespace/$name',
  component: lazyRouteComponent(() => import('../pages/endpoint/endpoint-page.tsx'), 'EndpointPage'),
})

const overview = createRoute({
  getParentRoute: () => endpoint,
  path: '/',
  component: lazyRouteComponent(() => import('../pages/endpoint/overview-tab.tsx'), 'OverviewTab'),
})
const playground = createRoute({
  getParentRoute: () => endpoint,
  path: '/playground',
  component: lazyRouteComponent(() => import('../pages/endpoint/playground-tab.tsx'), 'PlaygroundTab'),
})
const analytics = createRoute({
  getParentRoute: () => endpoint,
  path: '/analytics',
  component: lazyRouteComponent(() => import('../pages/endpoint/analytics-tab.tsx'), 'AnalyticsTab'),
})
const logs = createRoute({
  getParentRoute: () => endpoint,
  path: '/logs',
  /** `at`: a moment to look at, in milliseconds since the epoch. */
  validateSearch: (search: Record<string, unknown>): { readonly at?: number } =>
    typeof search['at'] === 'number' ? { at: search['at'] } : {},
  component: lazyRouteComponent(() => import('../pages/endpoint/logs-tab.tsx'), 'LogsTab'),
})
const timeline = createRoute({
  getParentRoute: () => endpoint,
  path: '/timeline',
  component: lazyRouteComponent(() => import('../pages/endpoint/timeline-tab.tsx'), 'TimelineTab'),
})
const endpointSettings = createRoute({
  getParentRoute: () => endpoint,
  path: '/settings',
  component: lazyRouteComponent(() => import('../pages/endpoint/settings-tab.tsx'), 'SettingsTab'),
})

const newEndpoint = createRoute({
  getParentRoute: () => root,
  path: '/new/$namespace',
  /** `from`: an endpoint of which this is to be a copy. */
  validateSearch: ({
    model,
    file,
    from,
  }: Record<string, unknown>): {
    readonly model?: string
    readonly file?: string
    readonly from?: string
  } => ({
    ...(typeof from === 'string' && from !== '' && { from }),
    ...(typeof model === 'string' && model !== '' && { model }),
    ...(typeof file === 'string' && file !== '' && { file }),
  }),
  component: lazyRouteComponent(
    () => import('../pages/new-endpoint/new-endpoint-page.tsx'),
    'NewEndpointPage',
  ),
})

const catalog = createRoute({
  getParentRoute: () => root,
  path: '/catalog',
  component: lazyRouteComponent(() => import('../pages/catalog/catalog-page.tsx'), 'CatalogPage'),
})

const hardware = createRoute({
  getParentRoute: () => root,
  path: '/hardware',
  component: lazyRouteComponent(() => import('../pages/hardware/hardware-page.tsx'), 'HardwarePage'),
})

const tokens = createRoute({
  getParentRoute: () => root,
  path: '/tokens',
  component: lazyRouteComponent(() => import('../pages/tokens/tokens-page.tsx'), 'TokensPage'),
})

const settings = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  component: lazyRouteComponent(() => import('../pages/settings/settings-page.tsx'), 'SettingsPage'),
})

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    endpointsHome,
    endpoints,
    endpoint.addChildren([overview, playground, analytics, logs, timeline, endpointSettings]),
    newEndpoint,
    catalog,
    hardware,
    tokens,
    settings,
  ]),
  defaultPreload: 'intent',
  defaultPendingComponent: PagePending,
  defaultErrorComponent: PageFailed,
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
