export default {
  base: './',
  build: { target: 'es2022' },
  // The development server would move the library away from its worker.
  optimizeDeps: { exclude: ['samegraph-web'] },
};
