import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { buildTimeData } from './build/build-time-data.ts'
import { firstPage } from './build/first-page.ts'

/** For `npm run dev:console`: a running Berth whose API the page under development uses. */
const BERTH = process.env['BERTH_URL'] ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [buildTimeData(), firstPage(), react(), tailwindcss()],
  build: {
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // Nothing inline: the policy of the page allows neither scripts nor fonts in data: URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: false,
  },
  server: {
    proxy: Object.fromEntries(
      ['/v1', '/v2', '/v3', '/hub', '/e/', '/docs', '/metrics'].map((prefix) => [prefix, BERTH]),
    ),
  },
})
