"""Triangle meshes as data: conversion, topology, areas, crossings, rays; nothing about heads or implants."""
